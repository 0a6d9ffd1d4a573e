//! The seven steps with a phone that runs, a sound server of its own and the practice exchange: what they say was
//! measured, and what they play is heard.

use std::process::Command as Program;

use phone_audio::sound::{Choice, Role};
use phone_core::snapshot::Standing;
use phone_core::{PhoneConfig, SignIn};
use phone_io::{PhoneHandle, StartOptions};
use phone_tests::process::{Running, Scratch, wait_for};
use phone_tests::pulse::Pulse;

use super::*;

const INSIDE: &str = "OFFHOOK_TEST_WIZARD_SOUND";
const NAME: &str = "diagnose::wizard::real::each_of_the_seven_steps_does_the_real_thing";
const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../exchange/assets/speech.wav");

/// The sound server is found through the environment, so what needs it runs in a process of its own.
#[test]
fn each_of_the_seven_steps_does_the_real_thing() {
    if std::env::var_os(INSIDE).is_some() {
        walk_through();
        return;
    }
    let pulse = Pulse::start();
    let (speaker, ringer) = (pulse.record("spk"), pulse.record("ringer"));
    let status = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(INSIDE, "1")
        .envs(pulse.environment())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let loud = |samples: &[f32]| samples.iter().filter(|sample| sample.abs() > 0.01).count() as f32 / 48_000.0;
    let (speaker, ringer) = (loud(&speaker.so_far()), loud(&ringer.so_far()));
    // Two tones, a sentence and a chirp; the ring.
    assert!(speaker > 2.5, "the speaker played {speaker} s");
    assert!(ringer > 0.5, "the ringer played {ringer} s");
}

struct Walker {
    handle: PhoneHandle,
    wizard: Wizard,
}

impl Walker {
    fn ask(&mut self, ask: Ask) {
        let commands = self.wizard.ask(ask, Instant::now(), &self.handle.snapshot());
        self.send(commands);
    }

    fn send(&self, commands: Vec<Command>) {
        for command in commands {
            assert!(self.handle.send(command));
        }
    }

    /// As the window's frames do, until this holds.
    #[track_caller]
    fn until(&mut self, what: &str, mut done: impl FnMut(&Walk) -> bool) {
        let start = Instant::now();
        while !done(self.wizard.walk()) {
            assert!(start.elapsed() < Duration::from_secs(40), "{what}: {:?}", self.wizard.walk());
            while let Some(event) = self.handle.try_event() {
                self.wizard.event(&event, Instant::now(), &self.handle.snapshot());
            }
            let commands = self.wizard.poll(Instant::now(), &self.handle.snapshot());
            self.send(commands);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn finish(&mut self, what: &str) {
        self.until(what, |walk| walk.busy().is_none());
        assert_eq!(self.wizard.walk().act, Act::Idle, "{what}");
    }

    #[track_caller]
    fn passes(&self, step: Step, check: &str) {
        let lines = self.wizard.walk().lines(step);
        let line = lines.iter().find(|line| line.check == check).unwrap_or_else(|| panic!("no {check}: {lines:?}"));
        assert_eq!(line.verdict, Verdict::Pass, "{line:?}");
    }
}

fn pactl(arguments: &[&str]) -> String {
    let output = Program::new("pactl").args(arguments).output().unwrap();
    assert!(output.status.success(), "pactl {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A phone that is signed in.
fn start_phone(exchange: &phone_exchange::RunningExchange, user: String) -> PhoneHandle {
    let sound = [
        (Role::Microphone, Choice::FollowSystem),
        (Role::Speaker, Choice::FollowSystem),
        (Role::Ringer, Choice::Device("pulseaudio:ringer".to_owned())),
    ];
    let handle = phone_io::start(StartOptions {
        phone: PhoneConfig::default(),
        sound: phone_device::start(&sound),
        wake: Arc::new(|| {}),
        data_dir: None,
        read_settings: None,
        allow_loopback: true,
        open_browser: phone_io::system_browser(),
        extra_ca: None,
    })
    .unwrap();
    let sign_in = SignIn::Practice { origin: exchange.origin().to_owned(), user: user.into() };
    assert!(handle.send(Command::SignIn(sign_in)));
    let ready = wait_for(Duration::from_secs(20), || {
        let picture = handle.snapshot();
        (picture.standing == Standing::Ready && picture.sound.devices.len() > 2).then_some(())
    });
    assert!(ready.is_some(), "{:?}", handle.snapshot());
    handle
}

fn walk_through() {
    let options = phone_exchange::ExchangeOptions::default();
    let user = options.users[0].clone();
    let exchange = phone_exchange::start(options).unwrap();
    let handle = start_phone(&exchange, user);
    let scratch = Scratch::new("wizard");
    let baselines = Baselines::below(Some(scratch.path().to_owned()));
    let meters = Some(handle.meters());
    let wizard = Wizard::start(&handle.snapshot(), meters, baselines.clone(), Arc::new(|| {}));
    let mut walker = Walker { handle, wizard };
    assert_eq!(walker.wizard.walk().step, Step::Devices);
    walker.ask(Ask::Done);

    // A sentence.
    let mut player = Program::new("paplay");
    let voice = Running::start(player.args(["--device=micfeed", SPEECH]), &scratch.file("paplay.log"));
    walker.ask(Ask::Record);
    walker.until("recording", |walk| walk.wave.len() > 40);
    walker.finish("the sentence");
    drop(voice);
    let walk = walker.wizard.walk();
    assert!(walk.recorded && walk.wave.iter().any(|level| *level > -40.0), "{:?}", walk.wave);
    walker.passes(Step::Sentence, "A4");
    walker.ask(Ask::HearAgain);
    walker.until("hearing it", |walk| walk.busy() == Some(Doing::Playing));
    walker.finish("hearing it");
    walker.ask(Ask::Done);

    // Left, right, ring.
    for what in Try::ALL {
        walker.ask(Ask::Play(what));
        walker.finish("a tone");
        assert!(walker.wizard.walk().was_played(what), "{what:?}");
        walker.ask(Ask::Heard(what, true));
    }
    walker.passes(Step::Sides, "A6");
    walker.passes(Step::Sides, "A7");
    walker.ask(Ask::Done);

    // The speaker is beside the microphone, and then it is not.
    let air = pactl(&["load-module", "module-loopback", "source=spk.monitor", "sink=micfeed", "latency_msec=60"]);
    walker.ask(Ask::MeasureEcho);
    walker.finish("the echo");
    let echo = walker.wizard.walk().facts.echo.expect("it was measured");
    assert!(echo.return_loss_db.is_some_and(|loss| loss < 20.0), "{echo:?}");
    pactl(&["unload-module", &air]);
    walker.ask(Ask::MeasureEcho);
    walker.finish("no echo");
    let echo = walker.wizard.walk().facts.echo.expect("it was measured again");
    assert_eq!(echo.return_loss_db, None, "{echo:?}");
    walker.ask(Ask::Done);

    // What a headset's buttons do to the system.
    walker.until("the step", |walk| walk.step == Step::Buttons);
    pactl(&["set-sink-volume", "spk", "60%"]);
    walker.until("the volume button", |walk| walk.facts.buttons.is_some_and(|buttons| buttons.volume && !buttons.mute));
    pactl(&["set-source-mute", "mic", "1"]);
    walker.until("the mute button", |walk| walk.facts.buttons.is_some_and(|buttons| buttons.mute));
    pactl(&["set-source-mute", "mic", "0"]);
    walker.ask(Ask::Done);

    // Packets through the relay, second by second.
    walker.ask(Ask::TestCall);
    walker.until("the third second", |walk| walk.seconds.len() >= 3);
    assert_eq!(walker.wizard.walk().busy(), Some(Doing::Calling), "the seconds come while it goes on");
    walker.finish("the test call");
    assert_eq!(walker.wizard.walk().seconds.len(), 15);
    assert!(walker.wizard.walk().seconds.iter().all(|second| second.mos.is_some_and(|mos| mos > 3.5)));
    walker.passes(Step::Call, "N10");
    walker.ask(Ask::Done);

    // The summary has all of it, and is kept for this microphone.
    assert_eq!(walker.wizard.walk().step, Step::Summary);
    let (kept_in, device, report) = walker.wizard.to_keep(&walker.handle.snapshot()).expect("a result");
    assert_eq!(device, "pulseaudio:mic");
    assert!(report.causes.is_empty() && !report.stopped, "{:?}", report.causes);
    kept_in.keep(&device, &report).unwrap();
    let Walker { handle, wizard } = walker;
    wizard.leave();
    assert_eq!(baselines.load("pulseaudio:mic").expect("it was kept").lines, report.lines);

    // Later the microphone is muted: the summary is worse than the baseline of this headset.
    pactl(&["set-source-mute", "mic", "1"]);
    let wizard = Wizard::start(&handle.snapshot(), None, baselines, Arc::new(|| {}));
    let mut walker = Walker { handle, wizard };
    walker.ask(Ask::Done);
    walker.ask(Ask::Record);
    walker.until("the muted sentence", |walk| walk.facts.microphone.is_some());
    for _ in 0..5 {
        walker.ask(Ask::Skip);
    }
    let walk = walker.wizard.walk();
    let (now, then) = (walk.report.as_ref().expect("a summary"), walk.baseline.as_ref().expect("the baseline"));
    assert_eq!(now.causes.first().map(|cause| cause.rule.as_str()), Some("DX-02b"), "{:?}", now.causes);
    let changes = phone_core::diagnose::report::compare(then, now);
    assert!(changes.iter().any(|change| change.worse), "{changes:?}");
    walker.handle.shut_down(Duration::from_secs(3));
}
