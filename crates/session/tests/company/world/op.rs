//! What can happen in the world, and how is it written in three bytes?
//!
//! Any three bytes are an op, so that a list of them can come from a generator that shrinks it and from a fuzzer that grows it.

/// What a client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Write,
    /// More than a session keeps.
    LargeWrite,
    Read,
    /// So many reads at once.
    Reads(u8),
    /// A reply larger than a session asks for more behind, on a shared connection.
    Big,
    /// So many replies that are more than a shared connection bears unread.
    Huge(u8),
    /// What is under a key that may be watched.
    Look(u8),
    Watch(u8),
    Unwatch,
    Multi,
    Exec,
    Discard,
    /// MULTI, a write, a read, EXEC.
    Transaction,
    /// WATCH, a look at the key, MULTI, a write, EXEC.
    Cas(u8),
    Select(u8),
    /// The same within a transaction.
    SelectWithin(u8),
    /// The last has the wrong password.
    Auth(u8),
    /// Which protocol, and as whom.
    Hello(u8, Option<u8>),
    /// The server takes the client for another user before it finds fault with the rest.
    HelloHalf,
    Reset,
    SetName(u8),
    GetName,
    NoEvict(bool),
    /// What only this connection knows.
    Id,
    /// All clients but this one, or with it.
    Kill {
        me: bool,
    },
    /// What is for when a script runs.
    ScriptKill,
    Pop,
    Subscribe(u8),
    Unsubscribe(u8),
    Quit,
    Garbage,
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Master,
    Replica,
    Loading,
    /// A replica without a master that does not serve what it has.
    Orphan,
    /// It has too many clients: who comes is told so and let go.
    Full,
    /// A script runs.
    Busy,
    /// Its host answers for it, it does nothing.
    Hangs,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `whole`: its last bytes come with it.
    Ask {
        who: usize,
        ask: Ask,
        whole: bool,
    },
    /// Everyone asks the same at once, and the driver moves it.
    All {
        ask: Ask,
    },
    /// The driver moves what this client has to say, so many bytes of it where it has a connection of its own.
    Push(usize, usize),
    /// So many bytes of a lane go out.
    Flush(usize, usize),
    /// A server handles so many requests of a connection.
    Process(usize, usize),
    /// So many bytes of what a server said come in.
    Reply(usize, usize),
    /// A client reads so many bytes.
    Read(usize, usize),
    /// A connection was made, or was not.
    Connected(usize, bool),
    /// Everyone does all that there is to do, but for one client, who does not read.
    Turn(usize),
    /// A server ends a connection with so many bytes of what it still had to say. `executes`: it has read all there was.
    Cut {
        which: usize,
        executes: bool,
        says: usize,
    },
    /// The same for all connections.
    Hangup {
        executes: bool,
    },
    /// A server says what is no reply, and ends the connection.
    Nonsense(usize),
    Becomes(usize, Is),
    /// There is a new view. `told`: everyone learns of it at once.
    View {
        kind: u8,
        told: bool,
    },
    Learn(usize),
    Leave(usize),
    /// It will say no more, and reads on.
    Ends(usize),
    /// Somebody comes where somebody has gone.
    Arrive(usize),
    /// Somebody changes a key that may be watched.
    Touch(u8),
    /// Somebody gives a blocked client what it waits for.
    Feed(usize),
    Publish(u8),
    /// All together keep too much, or do not any more.
    Ration(bool),
    /// Servers do not take a user any more, or do again.
    Revoke(u8, bool),
    /// Milliseconds.
    Pass(u64),
}

/// An op as it is written.
pub(crate) type Written = [u8; 3];

pub(crate) const CLIENTS: usize = 6;
pub(crate) const SERVERS: usize = 3;
pub(crate) const KEYS: u8 = 2;
/// How much time may pass at once: within the waits between tries, of `hold`, of patience with who does not read, and of what
/// nobody uses.
const PASSES: [u64; 16] = [0, 1, 5, 5, 10, 20, 20, 30, 100, 200, 500, 600, 1_100, 2_100, 3_100, 31_000];

/// What everyone may ask at once: what fills what they share.
const ALL: [Ask; 4] = [Ask::Write, Ask::Read, Ask::LargeWrite, Ask::Big];

impl Op {
    pub(crate) fn of([kind, a, b]: Written) -> Self {
        let who = usize::from(a) % CLIENTS;
        let which = usize::from(a);
        let some = || if b < 192 { usize::MAX } else { usize::from(b - 191) };
        match kind % 96 {
            0..20 => Self::Ask { who, ask: ask(b), whole: a < 224 },
            20 => Self::All { ask: ALL[usize::from(b) % ALL.len()] },
            21..29 => Self::Push(who, some()),
            29..37 => Self::Flush(which, some()),
            37..45 => Self::Process(which, 1 + usize::from(b % 8)),
            45..54 => Self::Reply(which, some()),
            54..61 => Self::Read(who, some()),
            61..67 => Self::Connected(which, b < 224),
            67..74 => Self::Turn(usize::from(b) % (2 * CLIENTS)),
            74..76 => {
                Self::Cut { which, executes: b % 2 == 0, says: if b < 64 { usize::MAX } else { usize::from(b % 32) } }
            }
            76 => Self::Hangup { executes: a % 2 == 0 },
            77 => Self::Nonsense(which),
            78..80 => Self::Becomes(usize::from(a) % SERVERS, is(b)),
            80..82 => Self::View { kind: a % 8, told: b < 128 },
            82 => Self::Learn(who),
            83 => Self::Leave(who),
            84 => Self::Ends(who),
            85..87 => Self::Arrive(who),
            87 => Self::Touch(a % KEYS),
            88 => Self::Feed(which),
            89 => Self::Publish(a % 2),
            90 => Self::Revoke(a % 3, b < 128),
            91 => Self::Ration(b < 160),
            _ => Self::Pass(PASSES[usize::from(b) % PASSES.len()]),
        }
    }
}

fn ask(b: u8) -> Ask {
    match b % 64 {
        0..12 => Ask::Write,
        12..22 => Ask::Read,
        22 => Ask::LargeWrite,
        23 => Ask::Reads(3),
        24 => Ask::Reads(200),
        25 | 26 => Ask::Big,
        27 => Ask::Huge(1),
        28 => Ask::Huge(3),
        29 | 30 => Ask::Look(b % KEYS),
        31 | 32 => Ask::Watch(b % KEYS),
        33 => Ask::Unwatch,
        34 | 35 => Ask::Multi,
        36 | 37 => Ask::Exec,
        38 => Ask::Discard,
        39 | 40 => Ask::Transaction,
        41 => Ask::Cas(b % KEYS),
        42 => Ask::SelectWithin(b / 64 % 3),
        43 | 44 => Ask::Select(b / 64 % 3),
        45..48 => Ask::Auth(b / 64),
        48 => Ask::Hello(3, None),
        49 => Ask::Hello(2, None),
        50 => Ask::Hello(2 + b / 64 % 2, Some(b / 64)),
        51 => Ask::Hello(4, None),
        52 => Ask::HelloHalf,
        53 | 54 => Ask::Reset,
        55 => Ask::SetName(b / 64),
        56 if b >= 128 => Ask::ScriptKill,
        56 => Ask::GetName,
        57 => Ask::NoEvict(b < 128),
        58 => Ask::Id,
        59 => Ask::Pop,
        60 | 61 => Ask::Subscribe(b / 64 % 2),
        62 => Ask::Unsubscribe(b / 64 % 2),
        _ if b < 64 => Ask::Quit,
        _ if b < 192 => Ask::Kill { me: b < 128 },
        _ => Ask::Garbage,
    }
}

fn is(b: u8) -> Is {
    match b % 16 {
        0..5 => Is::Master,
        5..9 => Is::Replica,
        9 | 10 => Is::Loading,
        11 => Is::Orphan,
        12 => Is::Full,
        13 => Is::Hangs,
        14 => Is::Busy,
        _ => Is::Gone,
    }
}
