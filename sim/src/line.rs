//! How an event and an action read in the history; and which are too common to show.

use sentinel::{Action, Answer, Ask, Event};

/// One event as text.
pub(crate) fn of_event(event: &Event) -> String {
    machine::story::to_line(event).unwrap_or_else(|_| format!("{event:?}"))
}

/// One action as text.
pub(crate) fn of_action(action: &Action) -> String {
    match action {
        Action::Announce { event } => format!("announce {} {}", event.name, event.payload),
        // A state is long, and what matters of it shows in what follows.
        Action::Save { seq, .. } => format!("save {seq}"),
        action => machine::story::to_line(action).unwrap_or_else(|_| format!("{action:?}")),
    }
}

/// What happens all the time, and tells nothing about a decision.
pub(crate) fn is_routine(event: &Event) -> bool {
    match event {
        Event::Heard { .. } => true,
        Event::Answered { answer, .. } => {
            matches!(answer, Answer::Pong | Answer::Ok | Answer::Info(_) | Answer::Loading)
        }
        Event::Requested { request, .. } => matches!(request, sentinel::Request::Hello { .. }),
        _ => false,
    }
}

/// As `is_routine`, for what is ordered.
pub(crate) fn is_routine_action(action: &Action) -> bool {
    match action {
        Action::Send { ask, .. } => {
            matches!(ask, Ask::Ping | Ask::Info | Ask::Hello { .. } | Ask::Auth | Ask::Name { .. } | Ask::Subscribe)
        }
        Action::Reply { reply, .. } => matches!(reply, sentinel::Reply::Ok),
        _ => false,
    }
}
