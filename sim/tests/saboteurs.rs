//! Each invariant is watched: whoever breaks it is caught, by it, within a stated number of seeds. That the same seeds
//! hold without a saboteur is what `tests/seeds.rs` shows.

use sim::{Invariant, Saboteur, run_seed};

/// Seeds within which each saboteur is caught by the invariant that it is made for.
const WITHIN: u64 = 500;

fn is_caught(saboteur: Saboteur) {
    let expected = saboteur.caught_by();
    // Worlds in which the one with old data is the only one left are rare: 5 in the first 2,500. A test has no time for those before.
    let from = if saboteur == Saboteur::HidesAge { 1_500 } else { 0 };
    for seed in from..from + WITHIN {
        let Some(violation) = run_seed(seed, Some(saboteur)).violation else { continue };
        assert!(
            expected.contains(&violation.invariant),
            "{saboteur:?} should be caught by {expected:?}, not by {violation:?} (seed {seed})"
        );
        if violation.invariant == expected[0] {
            return;
        }
    }
    panic!("{saboteur:?} was not caught by {:?} within {WITHIN} seeds", expected[0]);
}

macro_rules! caught {
    ($($name:ident: $saboteur:ident,)*) => {
        $(#[test]
        fn $name() {
            is_caught(Saboteur::$saboteur);
        })*

        #[test]
        fn every_saboteur_has_a_test() {
            let tested = [$(Saboteur::$saboteur),*];
            assert!(Saboteur::ALL.iter().all(|s| tested.contains(s)));
        }
    };
}

caught! {
    forged_votes_are_caught_by_v1: ForgesVotes,
    a_disk_that_lies_is_caught_by_v2: DiskLies,
    a_second_vote_is_caught_by_v2: VotesTwice,
    a_falling_epoch_is_caught_by_v3: EpochFalls,
    a_second_master_of_an_epoch_is_caught_by_v4: NamesAnother,
    a_doubt_that_is_hidden_is_caught_by_v5: HidesDoubt,
    a_promotion_without_a_seal_is_caught_by_m2: PromotesAtOnce,
    votes_that_nobody_gave_are_caught_by_m3: NetworkVotes,
    a_clock_that_slept_is_caught_by_m4: ClockStandsStill,
    a_promotion_of_the_worst_is_caught_by_m5: PromotesWorst,
    a_promotion_of_the_old_is_caught_by_m5: HidesAge,
    a_switchover_that_does_not_wait_is_caught_by_m5: ForgetsTarget,
    a_seal_for_ever_is_caught_by_m6: NeverUnseals,
    a_redis_that_ignores_its_demotion_is_caught_by_m6: RedisIgnoresDemotion,
    swapped_replies_are_caught_by_r1: ProxySwapsReplies,
    a_write_executed_twice_is_caught_by_r2: RedisRunsTwice,
    a_pause_that_does_nothing_is_caught_by_s1: RedisIgnoresPause,
    a_flood_is_caught_by_b1: Floods,
    a_deadline_that_sticks_is_caught_by_b2: DeadlineSticks,
    a_node_that_never_asks_is_caught_by_l1: NeverAsks,
    a_leap_that_is_hidden_is_caught_by_t1: HidesLeaps,
    a_broken_assertion_is_caught_by_p1: Panics,
}

#[test]
fn every_invariant_has_a_saboteur() {
    for invariant in Invariant::ALL {
        assert!(Saboteur::ALL.iter().any(|s| s.caught_by()[0] == invariant), "nobody breaks {invariant}");
    }
}
