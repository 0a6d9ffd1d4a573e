//! The ways to the checks, and what each of them asks for.

use phone_core::diagnose::catalogue::rule;
use phone_core::diagnose::{Plan, Symptom};

use super::*;
use crate::diagnose::Scope;

impl Desk {
    /// All orders since the last time.
    fn orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.harness.state_mut().orders)
    }
}

fn at_rest() -> Snapshot {
    let mut picture = with_sound(snapshot(vec![]));
    picture.phones = vec![PhoneView {
        id: "Office".to_owned(),
        name: "Office".to_owned(),
        site: "Madrid".to_owned(),
        selected: true,
        refused: None,
        webrtc: true,
    }];
    picture
}

#[test]
fn row_53_every_part_of_the_calls_panel_is_at_most_two_key_presses_away() {
    type Part<'a> = (&'a str, Snapshot, &'a [(Modifiers, Key)], fn(&mut Desk) -> bool);
    let parts: [Part<'_>; 8] = [
        ("dial field", at_rest(), &[], |desk| desk.focused() == text::DIAL_HINT),
        ("phone selector", at_rest(), &[(Modifiers::ALT, Key::P)], |desk| desk.focused() == "Office, Madrid · WebRTC"),
        ("state", at_rest(), &[(CTRL_SHIFT, Key::S)], |desk| desk.shows("Ready")),
        (
            "the call, from another page",
            talking(),
            &[(Modifiers::COMMAND, Key::Num3), (Modifiers::COMMAND, Key::Num1)],
            |desk| desk.shows("End call"),
        ),
        ("devices", at_rest(), &[(Modifiers::ALT, Key::D)], |desk| desk.shows(text::FOLLOW_SYSTEM)),
        ("volume", at_rest(), &[(CTRL_SHIFT, Key::ArrowDown)], |desk| {
            desk.asked() == [Command::SetVolume { role: SoundRole::Speaker, percent: 65 }] && desk.shows("Calls: 65 %")
        }),
        ("volume of the ring", ringing(), &[(CTRL_SHIFT, Key::ArrowDown)], |desk| {
            desk.asked() == [Command::SetVolume { role: SoundRole::Ringer, percent: 95 }]
        }),
        ("diagnostics", at_rest(), &[(Modifiers::COMMAND, Key::Num2)], |desk| desk.shows(text::DIAG_CLAIM)),
    ];
    for (part, picture, keys, reached) in parts {
        assert!(keys.len() <= 2, "{part}");
        let mut desk = Desk::new(picture);
        for (modifiers, key) in keys {
            desk.key(*modifiers, *key);
        }
        assert!(reached(&mut desk), "{part}: the focus is on “{}”", desk.focused());
    }
}

#[test]
fn row_56_the_checks_start_from_the_panel_its_menu_and_a_key() {
    let quick = [Order::Check(Scope::Plan(Plan::Quick))];
    let mut desk = Desk::new(at_rest());
    desk.press(text::TAB_DIAGNOSTICS);
    desk.press("Quick check. Sound, network and service. 20 s");
    assert_eq!(desk.orders(), quick);

    let mut desk = Desk::new(at_rest());
    desk.perform(Action::Toggle(Popup::Menu));
    desk.press(text::DIAG_QUICK);
    assert_eq!(desk.orders(), quick);

    let mut desk = Desk::new(at_rest());
    desk.key(Modifiers::NONE, Key::F8);
    assert_eq!(desk.orders(), quick);
}

#[test]
fn row_150_each_symptom_is_on_the_home_and_runs_only_what_can_prove_or_refute_its_causes() {
    for symptom in Symptom::ALL {
        let mut desk = Desk::new(at_rest());
        desk.perform(Action::Go(Page::Diagnostics));
        desk.press(symptom.words());
        let scope = Scope::Symptom(symptom);
        assert_eq!(desk.orders(), [Order::Check(scope)]);
        let checks = scope.checks();
        assert!(!checks.is_empty(), "{symptom:?}");
        for check in checks {
            let proves = check.rules.iter().filter_map(|id| rule(id)).any(|rule| rule.symptoms.contains(&symptom));
            assert!(proves, "{symptom:?} runs {}, which proves nothing of it", check.id);
        }
    }
}

#[test]
fn an_older_result_is_chosen_and_what_changed_since_is_told() {
    use crate::diagnose::older::Older;
    use crate::model::made_up::diagnosis::{healthy, wrong_microphone};
    use crate::panels::diagnostics::DiagnoseAction;

    let mut desk = Desk::new(at_rest());
    let now = desk.harness.state().now;
    desk.harness.state_mut().diagnosis.report = Some((healthy(), now));
    desk.perform(Action::Diagnose(DiagnoseAction::Open));
    desk.perform(Action::Go(Page::Diagnostics));
    desk.press(text::DIAG_COMPARE);
    assert_eq!(desk.orders(), [Order::ShowOlder(true)]);

    desk.harness.state_mut().diagnosis.older = Some(Vec::new());
    desk.frames(3);
    assert!(desk.shows(text::DIAG_NO_OLDER));

    let old = Older { baseline: true, report: wrong_microphone() };
    desk.harness.state_mut().diagnosis.older = Some(vec![Older { baseline: false, ..old.clone() }, old]);
    desk.frames(3);
    let when = phone_core::diagnose::report::moment(wrong_microphone().began_s);
    desk.press(&format!("{when} · {}. {}", wrong_microphone().plan.title(), text::DIAG_BASELINE));
    assert_eq!(desk.orders(), [Order::CompareWith(1)]);
    desk.press(text::DIAG_COMPARE_NOT);
    assert_eq!(desk.orders(), [Order::ShowOlder(false)]);

    let diagnosis = &mut desk.harness.state_mut().diagnosis;
    (diagnosis.older, diagnosis.previous) = (None, Some(wrong_microphone()));
    desk.frames(3);
    assert!(desk.shows(&text::changed_since(&when)));
    desk.harness.state_mut().diagnosis.previous = Some(healthy());
    desk.frames(3);
    let when = phone_core::diagnose::report::moment(healthy().began_s);
    assert!(desk.shows(&text::unchanged_since(&when)));
}

mod wizard {
    use super::*;
    use crate::diagnose::Ask;
    use crate::model::made_up::diagnosis;
    use crate::model::wizard::{Step, Try};
    use crate::panels::diagnostics::DiagnoseAction;

    /// The page of this step.
    fn at(step: Step) -> Desk {
        let mut desk = Desk::new(at_rest());
        desk.perform(Action::Go(Page::Diagnostics));
        desk.perform(Action::Diagnose(DiagnoseAction::Wizard(Ask::Start)));
        let walk = Some(diagnosis::walk(step));
        desk.harness.state_mut().diagnosis = crate::model::findings::Diagnosis { walk, ..Default::default() };
        desk.frames(3);
        desk.orders();
        desk
    }

    #[test]
    fn each_of_the_seven_steps_goes_on_back_and_away_by_keys() {
        for step in Step::ALL {
            let mut desk = at(step);
            assert!(desk.shows(text::wizard_title(step)), "{step:?}");
            assert!(desk.shows(&text::wizard_step(step.number())), "{step:?}");
            let done = if step == Step::Sides { text::WIZARD_SKIP } else { text::wizard_done(step, true) };
            desk.press(done);
            let wanted = match step {
                Step::Sides => Ask::Skip,
                Step::Summary => Ask::Leave,
                _ => Ask::Done,
            };
            assert_eq!(desk.orders(), [Order::Wizard(wanted)], "{step:?}");
            let mut desk = at(step);
            desk.key(Modifiers::NONE, Key::Escape);
            assert_eq!(desk.orders(), [Order::Wizard(Ask::Leave)], "{step:?}");
        }
    }

    #[test]
    fn a_tone_that_was_played_asks_whether_it_was_heard() {
        let mut desk = at(Step::Sides);
        desk.press(text::NO);
        assert_eq!(desk.orders(), [Order::Wizard(Ask::Heard(Try::Right, false))]);
        desk.press("Play left");
        assert_eq!(desk.orders(), [Order::Wizard(Ask::Play(Try::Left))]);
    }

    #[test]
    fn a_tone_that_is_over_leads_the_keyboard_to_its_question_and_on() {
        use crate::model::wizard::{Act, Doing};

        let mut desk = at(Step::Sides);
        let now = desk.harness.state().now;
        let act = |desk: &mut Desk, act: Act| {
            let walk = desk.harness.state_mut().diagnosis.walk.as_mut().expect("it goes on");
            walk.act = act;
            desk.frames(3);
        };
        let length = std::time::Duration::from_secs(1);
        act(&mut desk, Act::Busy { doing: Doing::Trying(Try::Right), since: now, length });
        act(&mut desk, Act::Busy { doing: Doing::Judging, since: now, length });
        act(&mut desk, Act::Idle);
        assert_eq!(desk.focused(), text::YES);
        desk.key(Modifiers::NONE, Key::Enter);
        assert_eq!(desk.orders(), [Order::Wizard(Ask::Heard(Try::Right, true))]);
        assert_eq!(desk.focused(), "Play the ring");
    }

    #[test]
    fn the_home_leads_to_the_first_step() {
        let mut desk = Desk::new(at_rest());
        desk.perform(Action::Go(Page::Diagnostics));
        desk.press("Set up your sound. Step by step, with a test call. 2 min");
        assert_eq!(desk.orders(), [Order::Wizard(Ask::Start)]);
    }
}
