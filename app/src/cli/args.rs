//! What can be said on the command line. Only options that really do something.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use phone_audio::sound::Choice;

use super::phones::PhonesArgs;
use super::policy::PolicyArgs;
use crate::os::link::dial_text;

use super::values::{FaultAt, TurnUrl, duration, fault, input, output, turn_url};

const EXAMPLES: &str = "\
Examples:
  offhook --demo                        the window, signed in to a practice exchange inside this program
  offhook call echo --demo              speak, and hear yourself; Ctrl+C hangs up
  offhook call echo --demo --duration 10s --input speech.wav --output heard.wav --json
                                        the same for a script: files for devices, one JSON object a line
  offhook devices                       which microphones and speakers there are

Two phones on one computer, in three terminals:
  offhook exchange --listen 127.0.0.1:8443
  offhook listen --exchange http://127.0.0.1:8443 --account ben
  offhook call ben --exchange http://127.0.0.1:8443 --account ana

Exit codes: 0 fine, 1 finished with warnings, 2 failed, 3 could not run, 130 interrupted.";

/// An agent's phone without a browser.
///
/// Alone it opens the window. With a command it works without a window: for scripts, for tests, and for a computer
/// without a display.
#[derive(Debug, Parser)]
#[command(name = "offhook", version, after_long_help = EXAMPLES, after_help = "More with --help.")]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,

    /// Open the window with this in the dial field: tel:, sip:, sips: or callto:. Only you press Call
    #[arg(value_name = "LINK", value_parser = |link: &str| dial_text(link).map(|_| link.to_owned()))]
    pub link: Option<String>,

    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What every command understands.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Sign in to a practice exchange that runs inside this program
    #[arg(long, global = true, conflicts_with = "exchange")]
    pub demo: bool,

    /// Sign in to the practice exchange at this address, for instance <http://127.0.0.1:8443>
    #[arg(long, global = true, value_name = "URL")]
    pub exchange: Option<String>,

    /// The made-up user to sign in as [default: ana]
    #[arg(long, global = true, value_name = "NAME")]
    pub account: Option<String>,

    /// Sign in to a live service in this region, for instance mypurecloud.de, with the browser of the system
    #[arg(long, global = true, value_name = "REGION", conflicts_with_all = ["demo", "exchange"])]
    pub region: Option<String>,

    /// The OAuth client that the organisation registered for Offhook
    #[arg(long, global = true, value_name = "ID")]
    pub client_id: Option<String>,

    /// Sign in with this access token instead, for automation; - reads it from stdin, and the environment variable
    /// `OFFHOOK_TOKEN` has it too: other users of the computer can read a command line, not those
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "demo")]
    pub token: Option<String>,

    /// Send media through a TURN server only, whatever the exchange says
    #[arg(long, global = true)]
    pub force_relay: bool,

    /// Take out of the microphone what the speaker plays: automatic, always or never
    #[arg(long, global = true, value_name = "WHEN")]
    pub cancel_echo: Option<String>,

    /// Take noise out of the microphone: automatic, off, normal or strong
    #[arg(long, global = true, value_name = "HOW")]
    pub reduce_noise: Option<String>,

    /// Bring quiet and loud voices to the same level before they are sent: on (also without a word) or off
    #[arg(long, global = true, value_name = "SWITCH", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub even_out: Option<String>,

    /// Settings to use instead of the usual file (TOML; see README)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Only JSON on stdout, one object a line
    #[arg(long, global = true)]
    pub json: bool,

    /// Log to stderr: error, warn, info, debug or trace, or a filter such as `phone_io=debug`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    Call(CallArgs),
    Listen(ListenArgs),
    /// List microphones and speakers with the ids that --input and --output take
    Devices,
    Diagnose(DiagnoseArgs),
    Policy(PolicyArgs),
    Phones(PhonesArgs),
    Exchange(ExchangeArgs),
    /// Say whether there is a newer version, from the signed feed that the settings name; nothing is installed
    Update,
    /// Print the manual page
    #[command(hide = true)]
    Manual,
    /// Write pictures of every panel
    #[command(hide = true)]
    Screenshots(ScreenshotArgs),
}

#[derive(Args, Debug)]
pub struct ScreenshotArgs {
    /// Where the pictures go
    pub folder: PathBuf,
    /// Only those whose name contains this
    #[arg(long)]
    pub only: Option<String>,
}

/// Which sound devices a call uses.
#[derive(Args, Clone, Debug, Default)]
pub struct SoundArgs {
    /// What the other side hears: FILE.wav, device:ID, tone:HZ, silence or default (the system's microphone)
    #[arg(long, value_name = "SOUND", value_parser = input)]
    pub input: Option<Choice>,

    /// Where what is heard goes: FILE.wav, device:ID, null or default (the system's speaker)
    #[arg(long, value_name = "SOUND", value_parser = output)]
    pub output: Option<Choice>,
}

/// Call somebody, without a window
///
/// Calls a number, an address, a user of the practice exchange, or one of its services: `echo` sends back what it
/// hears, `music` plays. A WAV file is a sound device like any other: it is clocked in real time and goes the way a
/// headset's sound goes.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  offhook call echo --demo --duration 10s
  offhook call echo --demo --input speech.wav --output heard.wav --json
  offhook call echo --demo --repeat 10 --gap 1s --duration 2s      is the second call quicker than the first?
  offhook call ben --exchange http://127.0.0.1:8443 --account ana
  offhook call echo --demo --force-relay                           through TURN only")]
pub struct CallArgs {
    /// Whom to call: echo, music, a user's name, a number, sip: or tel:
    pub address: String,

    /// Hang up this long after the call was answered [default: when the other side does, or at Ctrl+C]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// How many calls to make, one after the other
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,

    /// Pause between two calls
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub gap: Duration,

    #[command(flatten)]
    pub sound: SoundArgs,
}

/// Wait for calls without a window, and answer them
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  offhook listen --exchange http://127.0.0.1:8443 --account ben
  offhook listen --demo --calls 1 --input tone:440 --output heard.wav --json")]
pub struct ListenArgs {
    /// Answer at once, or let it ring
    #[arg(long, value_enum, default_value_t = Answer::Auto)]
    pub answer: Answer,

    /// End after this many calls [default: at Ctrl+C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: Option<u32>,

    /// Hang each call up this long after it was answered [default: when the other side does]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    #[command(flatten)]
    pub sound: SoundArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    Auto,
    Never,
}

/// Find out what is wrong with sound, network or service, and who can fix it
///
/// Runs the checks of the Diagnostics screen, one line each, and names the likeliest causes with their proof. The quick
/// check takes at most 20 s and has the microphone open for at most 3 s.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  offhook diagnose --demo                                 the quick check, against a practice exchange inside
  offhook diagnose audio                                  sound only, with an echo measurement
  offhook diagnose full --exchange URL --report it.html   everything, with a page for IT
  offhook diagnose --demo --json --compare monday.json    for scripts; what changed since
  offhook diagnose --rules                                every cause that is looked for

Exit codes: 0 ready, 1 ready with warnings, 2 not ready, 3 could not run, 130 interrupted.")]
pub struct DiagnoseArgs {
    /// How much is checked
    #[arg(value_enum, default_value_t = DiagnosePlan::Quick)]
    pub plan: DiagnosePlan,

    /// Write the result to this file; its name ends in .html, .txt or .json
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// List every cause that is looked for, with its proof and its remedy, and check nothing
    #[arg(long, conflicts_with_all = ["report", "compare"])]
    pub rules: bool,

    /// Tell what changed since this older result (a .json report)
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,

    #[command(flatten)]
    pub sound: SoundArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosePlan {
    Quick,
    Audio,
    Network,
    Full,
}

/// Run the practice exchange alone, until Ctrl+C
///
/// A small real service with made-up users: sign-in, stations, calls between users, echo, music, a speaking caller,
/// and a TURN server. It checks what phones send and says which rule one broke. A practice ground and a test peer,
/// not a server for production.
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
#[derive(Args, Debug)]
#[command(after_long_help = "\
Faults, each with @TIME to inject it that long after the start instead of at once:
  drop-sockets         cut every WebSocket
  rest-status=503      answer REST with this status (rest-status=ok heals)
  refuse-login         refuse to sign anybody in
  stall                stop answering on WebSockets without closing them
  expire-tokens        refuse every token issued so far
  lose-media=5%        lose this share of the media packets
  garbage=TEXT         send this text on every WebSocket
  unknown-codec        offer only a codec that no phone has
  codec=NAME           offer only this codec: opus, g722, pcmu or pcma
  stop-turn            stop the exchange's own TURN server
  lose-channels        declare every notification channel dead
  ask-reconnect        ask every phone to move to a new connection
  reinvite             offer every session anew, as after a restart

Examples:
  offhook exchange
  offhook exchange --users ana,ben,zoe --no-persistent
  offhook exchange --fault lose-media=5% --fault drop-sockets@30s
  offhook exchange --force-turn --turn 'turn:turn.example.org:3478?transport=tcp' --turn-user u --turn-password p

The password may also come from the environment variable OFFHOOK_TURN_PASSWORD, where other users of the computer
cannot read it.")]
pub struct ExchangeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,

    /// Log-in names of the made-up users
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values_t = ["ana", "ben", "carla", "dev"].map(str::to_owned))]
    pub users: Vec<String>,

    /// Who of them may administer phones by REST [default: the first]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub administrators: Vec<String>,

    /// Tell phones of TURN servers only, as base settings with Force TURN do
    #[arg(long)]
    pub force_turn: bool,

    /// No warm media session between calls
    #[arg(long, conflicts_with = "idle")]
    pub no_persistent: bool,

    /// How long a warm media session is kept without a call
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub idle: Duration,

    /// Open the warm media session at sign-in, before the first call
    #[arg(long, conflicts_with = "no_persistent")]
    pub eager: bool,

    /// Calls that a phone shows at once; with 1 all calls share one media session
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub appearances: u32,

    /// Calls from the queue must be classified when they have ended
    #[arg(long)]
    pub wrap_up: bool,

    /// How long an access token holds
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub token_life: Duration,

    /// Tell phones of this TURN server instead of the exchange's own: turn:HOST:PORT?transport=udp|tcp or
    /// turns:HOST:PORT; may be repeated
    #[arg(long, value_name = "URL", value_parser = turn_url, requires = "turn_user")]
    pub turn: Vec<TurnUrl>,

    /// User name at that TURN server
    #[arg(long, value_name = "NAME", requires = "turn")]
    pub turn_user: Option<String>,

    /// Password at that TURN server
    #[arg(long, value_name = "PASSWORD", requires = "turn")]
    pub turn_password: Option<String>,

    /// Misbehave; may be repeated (see below)
    #[arg(long, value_name = "FAULT[@TIME]", value_parser = fault)]
    pub fault: Vec<FaultAt>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("offhook").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn alone_it_means_the_window() {
        let arguments = parse("").expect("nothing is needed");
        assert!(arguments.task.is_none());
        assert!(parse("--demo").expect("nothing else is needed").common.demo);
    }

    #[test]
    fn the_call_of_the_readme_is_understood() {
        let line = "call echo --demo --duration 10s --input speech.wav --output heard.wav --json";
        let arguments = parse(line).expect("it is in the README");
        assert!(arguments.common.demo && arguments.common.json);
        let Some(Task::Call(call)) = arguments.task else { panic!("{:?}", arguments.task) };
        assert_eq!((call.address.as_str(), call.duration), ("echo", Some(Duration::from_secs(10))));
        assert_eq!(call.sound.input, Some(Choice::WavFile("speech.wav".into())));
        assert_eq!(call.sound.output, Some(Choice::WavFile("heard.wav".into())));
        assert_eq!((call.repeat, call.gap), (1, Duration::from_secs(1)));
    }

    #[test]
    fn a_switch_without_a_word_is_on_and_takes_no_command_for_one() {
        for (line, word) in [("--even-out call echo", "on"), ("call --even-out=off echo", "off")] {
            let arguments = parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(arguments.common.even_out.as_deref(), Some(word), "{line}");
            assert!(matches!(arguments.task, Some(Task::Call(call)) if call.address == "echo"), "{line}");
        }
    }

    #[test]
    fn common_options_may_stand_before_and_after_the_command() {
        for line in ["--demo --json call echo", "call echo --demo --json", "--json call --demo echo"] {
            let common = parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).common;
            assert!(common.demo && common.json, "{line}");
        }
    }

    #[test]
    fn an_exchange_inside_and_one_outside_exclude_each_other() {
        let error = parse("call echo --demo --exchange http://127.0.0.1:1").expect_err("one of the two");
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_starts() {
        for line in [
            "call",
            "call echo --duration soon",
            "call echo --duration -1s",
            "call echo --repeat 0",
            "call echo --input tone:high",
            "call echo --input null",
            "call echo --output silence",
            "listen --answer perhaps",
            "listen --calls 0",
            "exchange --listen here",
            "exchange --turn turn:h:1",
            "exchange --turn http://h --turn-user u",
            "exchange --fault earthquake",
            "exchange --no-persistent --idle 5m",
            "no-such-command",
        ] {
            assert!(parse(line).is_err(), "`offhook {line}` was understood");
        }
    }

    #[test]
    fn help_teaches_with_examples() {
        for line in ["--help", "call --help", "listen --help", "exchange --help", "diagnose --help"] {
            let help = parse(line).expect_err("help is printed").to_string();
            assert!(help.contains("Examples:"), "{line}:\n{help}");
        }
    }

    #[test]
    fn faults_and_turn_servers_are_read() {
        let line = "exchange --fault lose-media=5% --fault drop-sockets@30s --turn turns:turn.test:5349 --turn-user u";
        let Some(Task::Exchange(exchange)) = parse(line).expect("both are documented").task else { panic!() };
        assert_eq!(exchange.fault.len(), 2);
        assert_eq!(exchange.fault.first().map(|f| &f.fault), Some(&phone_exchange::Fault::LoseMedia(0.05)));
        assert_eq!(exchange.turn.first().map(|t| t.port), Some(5349));
    }
}
