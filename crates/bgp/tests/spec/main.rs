//! Does a session do what the standards say, and can others read what it writes?

mod any_moment;
mod damping;
mod lelastic;
mod oracles;
mod rfc4271;
mod rig;
mod routes;
mod server;
