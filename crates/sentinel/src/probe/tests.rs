use super::*;
use crate::answer::Role;
use view::Offset;

/// What a master says whose history is the letter, and came out of another's.
fn says(history: char, before: Option<char>, offset: u64) -> InfoReport {
    let id = |c: char| c.to_string().repeat(40).parse().expect("hexadecimal");
    InfoReport {
        run_id: None,
        version: String::new(),
        loading: false,
        role: Role::Master,
        history: Some(id(history)),
        before: before.map(|c| (id(c), Offset(1))),
        offset: Offset(offset),
        master: None,
        link_up: false,
        link_down_seconds: None,
        silent_seconds: 0,
        copying: false,
        priority: 100,
        announced: true,
        persists: false,
        replicas: Vec::new(),
    }
}

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 6379))
}

fn present(n: u8, history: char) -> Present {
    Present { addr: addr(n), history: says(history, None, 0).history }
}

/// The rule for these masters: address, history, where it came from, offset, whether it passes.
fn chosen(present: Option<&Present>, masters: &[(u8, char, Option<char>, u64, bool)]) -> Choice {
    let infos: Vec<InfoReport> = masters.iter().map(|(_, h, b, o, _)| says(*h, *b, *o)).collect();
    let claims = masters.iter().zip(&infos).map(|(m, info)| Claim { addr: addr(m.0), info, passes: m.4 });
    choose(present, &claims.collect::<Vec<_>>())
}

#[test]
fn one_master_is_it_whoever_was_before() {
    assert_eq!(chosen(None, &[]), Choice::Nobody);
    assert_eq!(chosen(Some(&present(1, 'a')), &[]), Choice::Nobody);
    assert_eq!(chosen(None, &[(2, 'a', None, 5, true)]), Choice::One(addr(2)));
    assert_eq!(chosen(Some(&present(1, 'b')), &[(2, 'a', None, 5, true)]), Choice::One(addr(2)));
}

#[test]
fn without_a_present_one_nobody_is_picked_among_several() {
    let two = [(1, 'a', None, 9, true), (2, 'b', Some('a'), 5, true)];
    assert_eq!(chosen(None, &two), Choice::Refused);
    assert_eq!(chosen(Some(&present(3, 'a')), &two), Choice::Refused);
}

#[test]
fn a_stranger_does_not_move_the_present_master() {
    let two = [(1, 'a', None, 5, true), (2, 'b', None, 9_999, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &two), Choice::Stays(addr(1)), "offsets of two histories do not compare");
    // The former master, which came back as it was.
    let two = [(1, 'a', None, 9_999, true), (2, 'b', Some('a'), 5, true)];
    assert_eq!(chosen(Some(&present(2, 'b')), &two), Choice::Stays(addr(2)));
}

#[test]
fn one_that_was_promoted_out_of_the_present_ones_data_stops_both() {
    let two = [(1, 'a', None, 9, true), (2, 'b', Some('a'), 5, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &two), Choice::Refused);
    // Also where the present one was restarted empty meanwhile.
    let two = [(1, 'c', None, 0, true), (2, 'b', Some('a'), 5, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &two), Choice::Refused);
    let three = [(1, 'a', None, 9, false), (2, 'b', Some('a'), 5, true), (3, 'c', Some('a'), 7, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &three), Choice::Refused, "two heirs");
}

#[test]
fn what_is_about_to_fall_does_not_hold_up_its_only_heir() {
    let two = [(1, 'a', None, 9, false), (2, 'b', Some('a'), 5, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &two), Choice::One(addr(2)));
    let stranger = [(1, 'a', None, 9, false), (2, 'b', None, 5, true)];
    assert_eq!(chosen(Some(&present(1, 'a')), &stranger), Choice::Stays(addr(1)), "until it has fallen");
}

/// All small cases: three servers, each absent or a master of one of three histories, out of one of three or none, passing or not.
#[test]
fn the_choice_is_never_a_matter_of_order_and_never_one_of_several_at_random() {
    let kinds: Vec<Option<(char, Option<char>, bool)>> = [None]
        .into_iter()
        .chain(['a', 'b', 'c'].into_iter().flat_map(|history| {
            [None, Some('a'), Some('b')]
                .into_iter()
                .flat_map(move |before| [true, false].map(|passes| Some((history, before, passes))))
        }))
        .collect();
    let mut seen = [0; 4];
    for one in &kinds {
        for two in &kinds {
            for three in &kinds {
                let all: Vec<_> = [one, two, three]
                    .iter()
                    .zip(1_u8..)
                    .filter_map(|(kind, n)| kind.map(|(history, before, passes)| (n, history, before, 5, passes)))
                    .collect();
                let backwards: Vec<_> = all.iter().rev().copied().collect();
                for who in [None, Some(present(1, 'a')), Some(present(2, 'b'))] {
                    let choice = chosen(who.as_ref(), &all);
                    assert_eq!(choice, chosen(who.as_ref(), &backwards), "{who:?} {all:?}");
                    let is_there = |n: SocketAddr| all.iter().find(|m| addr(m.0) == n);
                    match choice {
                        Choice::Nobody => assert!(all.is_empty()),
                        Choice::One(a) if all.len() == 1 => assert_eq!(addr(all[0].0), a),
                        Choice::One(a) => {
                            let heir = is_there(a).expect("it is one of them");
                            let old =
                                is_there(who.expect("an heir has somebody to follow").addr).expect("it still stands");
                            assert!(heir.4 && !old.4 && heir.2.is_some() && all.len() == 2, "{all:?}");
                        }
                        Choice::Stays(a) => assert!(who.is_some_and(|p| p.addr == a) && is_there(a).is_some()),
                        Choice::Refused => assert!(all.len() >= 2),
                    }
                    seen[match choice {
                        Choice::Nobody => 0,
                        Choice::One(_) => 1,
                        Choice::Stays(_) => 2,
                        Choice::Refused => 3,
                    }] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|n| *n > 0), "{seen:?}");
}
