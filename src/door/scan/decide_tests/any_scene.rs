//! What holds for any ticket at all, and for one that comes and goes.

use proptest::prelude::*;

use super::*;

prop_compose! {
    /// Any scene, with numbers far past those of the table and some that should not come about.
    fn any_scene()(
        status in prop::sample::select(STATUSES),
        direction in prop::sample::select(&DIRECTIONS),
        window in prop::sample::select(&WINDOWS),
        gates in prop::sample::select(&GATES),
        allowed in 1..=10_000_i32,
        used in 0..=10_100,
        // As often as not around the last entry, where it matters.
        from_last in prop::option::of(-2..=2),
        inside in 0..=3,
        moved in any::<bool>(),
        reentry in any::<bool>(),
    ) -> Scene {
        let used = from_last.map_or(used, |distance| i32::max(allowed + distance, 0));
        let (used, inside) = if moved { (used, inside) } else { (0, 0) };
        Scene { status, direction, window, gates, allowed, used, inside, moved, reentry }
    }
}

proptest! {
    #[test]
    fn any_scene_is_decided_as_the_rules_say(scene in any_scene()) {
        prop_assert_eq!(scene.verdict(), scene.expected());
    }

    #[test]
    fn an_admission_never_exceeds_the_entries_allowed(scene in any_scene()) {
        let scene = Scene { direction: Direction::In, ..scene };
        if let Verdict::Admit { uses } = scene.verdict() {
            prop_assert_eq!(uses, 1);
            prop_assert!(scene.used + uses <= scene.allowed);
        }
    }

    #[test]
    fn nobody_goes_out_who_is_not_inside(scene in any_scene()) {
        let scene = Scene { direction: Direction::Out, inside: 0, ..scene };
        prop_assert!(matches!(scene.verdict(), Verdict::Refuse(_)));
    }

    #[test]
    fn a_ticket_that_is_not_valid_is_refused_for_its_status_whatever_else(scene in any_scene(), status in prop::sample::select(&STATUSES[1..])) {
        let reason = status.as_str().parse().unwrap();
        prop_assert_eq!(Scene { status, ..scene }.verdict(), Verdict::Refuse(reason));
    }

    /// People come and go in any order; a type allows re-entry, or does not, or its organiser cannot decide.
    #[test]
    fn the_counts_of_a_ticket_stay_within_its_entries(
        allowed in 1..=5,
        steps in prop::collection::vec((prop::sample::select(&DIRECTIONS), any::<bool>()), 0..60),
        always in prop::option::of(any::<bool>()),
    ) {
        let mut scene = Scene { allowed, ..GOOD };
        let mut admitted = 0;
        for (direction, sometimes) in steps {
            scene = Scene { direction, reentry: always.unwrap_or(sometimes), ..scene };
            let Verdict::Admit { uses } = scene.verdict() else { continue };
            let (moves, enters) = match direction {
                Direction::In => (1, 1),
                Direction::Out => (-1, 0),
            };
            admitted += enters;
            scene = Scene { moved: true, used: scene.used + uses, inside: scene.inside + moves, ..scene };
            prop_assert!(0 <= scene.inside && scene.inside <= scene.used && scene.used <= allowed, "{:?}", scene);
        }
        match always {
            Some(true) => prop_assert_eq!(scene.used, scene.inside),
            Some(false) => prop_assert_eq!(scene.used, admitted),
            None => {}
        }
    }
}
