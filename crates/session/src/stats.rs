//! What a session has done: plain numbers, taken by the driver and added up there.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one session; they only grow until [`Session::take_stats`](crate::Session::take_stats) empties them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// How many counters there are.
            pub const COUNT: usize = [$(stringify!($name)),*].len();
            /// Their names, in the order of [`Self::values`].
            pub const NAMES: [&'static str; Self::COUNT] = [$(stringify!($name)),*];

            /// The numbers, in the order of [`Self::NAMES`].
            #[must_use]
            pub const fn values(&self) -> [u64; Self::COUNT] {
                [$(self.$name),*]
            }

            /// The counters with these values, in the order of [`Self::NAMES`].
            #[must_use]
            pub const fn from_values(values: [u64; Self::COUNT]) -> Self {
                let [$($name),*] = values;
                Self { $($name),* }
            }
        }
    };
}

counters! {
    /// Complete requests that came from the client.
    requests,
    /// Replies that were passed on from a server.
    replies,
    /// Replies that the session gave itself: errors, and what a cut transaction is told.
    own_replies,
    /// Bytes that came from the client.
    bytes_in,
    /// Bytes of replies for the client.
    bytes_out,
    /// Requests that had to wait for a server.
    held,
    /// Requests whose wait was over the bound and that were answered with an error.
    expired,
    /// Refusals of a server (READONLY, LOADING, MASTERDOWN, UNBLOCKED) that were seen.
    refused,
    /// Refusals that were passed on.
    refusals_passed,
    /// Requests of unknown fate that were answered with an error.
    unknown,
    /// Requests that were sent again.
    replayed,
    /// Connections to servers that were ordered.
    connects,
    /// Connections to servers that could not be made.
    connects_failed,
    /// Connections to servers that ended while requests were unanswered.
    cut,
    /// Servers that sent what is not a reply, or a reply to nothing.
    misbehaved,
    /// Clients that sent what is not a request.
    malformed,
    /// Events of connections that are gone already.
    late,
}
