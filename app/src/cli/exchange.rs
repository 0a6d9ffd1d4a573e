//! `offhook exchange`: the practice exchange alone.

use std::time::{Duration, Instant};

use phone_exchange::{ExchangeOptions, ExternalTurn, TurnChoice};

use super::args::ExchangeArgs;
use super::exit::{Exit, Failure};
use super::human::Ink;
use super::interrupt::Interrupt;
use super::lines::Line;
use super::station::exchange_failed;
use super::values::FaultAt;
use super::voice::Voice;

const PASSWORD_VARIABLE: &str = "OFFHOOK_TURN_PASSWORD";
/// How often broken rules, due faults and Ctrl+C are looked for.
const LOOK: Duration = Duration::from_millis(100);

pub fn exchange(args: &ExchangeArgs, voice: &mut Voice, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let options = options(args, std::env::var(PASSWORD_VARIABLE).ok())?;
    let users = options.users.clone();
    let running = phone_exchange::start(options).map_err(|error| exchange_failed(&error))?;
    let origin = running.origin().to_owned();
    voice.say(&Line::Exchange { origin: origin.clone(), users: users.clone() });
    let hint = voice.paint().text(Ink::Faint, &hint(&origin, &users));
    voice.print(&hint);

    let start = Instant::now();
    let mut faults: Vec<FaultAt> = args.fault.clone();
    let mut told = 0;
    loop {
        let (due, later) = faults.into_iter().partition(|fault| start.elapsed() >= fault.after);
        faults = later;
        for FaultAt { fault, text, .. } in Vec::<FaultAt>::from_iter(due) {
            running.inject(fault);
            voice.say(&Line::Fault { fault: text });
        }
        let violations = running.violations();
        for rule in violations.iter().skip(told) {
            voice.say(&Line::Violation { rule: rule.clone() });
        }
        told = violations.len();
        if interrupt.came() || voice.is_closed() {
            voice.say(&Line::ExchangeSummary { violations });
            // Ctrl+C is how it is meant to end; broken rules are what it is there to find.
            return Ok(if told > 0 { Exit::Warned } else { Exit::Fine });
        }
        std::thread::sleep(LOOK);
    }
}

fn hint(origin: &str, users: &[String]) -> String {
    let user = |index: usize| users.get(index).map_or("ana", String::as_str);
    format!(
        "Users: {}. A practice ground, not a server for production. Ctrl+C ends it.\n\
         Try:   offhook --exchange {origin}\n\
         Or:    offhook listen --exchange {origin} --account {}\n\
         And:   offhook call {} --exchange {origin} --account {}",
        users.join(", "),
        user(1),
        user(1),
        user(0),
    )
}

fn options(args: &ExchangeArgs, password: Option<String>) -> Result<ExchangeOptions, Failure> {
    let users: Vec<String> = args.users.iter().map(|user| user.trim().to_owned()).filter(|u| !u.is_empty()).collect();
    if users.is_empty() {
        return Err(Failure::usage("no-users", "The exchange has no users.", "Name some: --users ana,ben."));
    }
    let turn = if args.turn.is_empty() {
        TurnChoice::Embedded
    } else {
        let password = args.turn_password.clone().or(password).ok_or_else(|| {
            Failure::usage(
                "no-turn-password",
                "The password for the TURN server is missing.",
                format!("Give it with --turn-password, or better in the environment variable {PASSWORD_VARIABLE}."),
            )
        })?;
        let username = args.turn_user.clone().unwrap_or_default();
        let server = |url: &super::values::TurnUrl| ExternalTurn {
            host: url.host.clone(),
            port: url.port,
            transport: url.transport,
            username: username.clone(),
            password: password.clone(),
        };
        TurnChoice::External(args.turn.iter().map(server).collect())
    };
    let administrators = match args.administrators.as_slice() {
        [] => users.iter().take(1).cloned().collect(),
        named => named.to_vec(),
    };
    Ok(ExchangeOptions {
        listen: args.listen,
        administrators,
        users,
        persistent: (!args.no_persistent).then_some(args.idle),
        force_turn: args.force_turn,
        turn,
        call_appearances: args.appearances,
        eager: args.eager,
        wrap_up: args.wrap_up,
        token_life: args.token_life,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Arguments, Task};
    use super::*;

    fn parsed(line: &str, password: Option<&str>) -> Result<ExchangeOptions, Failure> {
        let arguments = std::iter::once("offhook").chain(line.split_whitespace());
        let Some(Task::Exchange(args)) = Arguments::parse_from(arguments).task else { panic!("{line}") };
        options(&args, password.map(str::to_owned))
    }

    #[test]
    fn every_option_reaches_the_exchange() {
        let plain = parsed("exchange", None).expect("nothing is needed");
        assert_eq!(plain.persistent, Some(Duration::from_mins(10)));
        assert!(matches!(plain.turn, TurnChoice::Embedded));
        let line = "exchange --listen 127.0.0.1:0 --users zoe,,max --force-turn --idle 5m --eager --token-life 1h --appearances 2 --wrap-up";
        let full = parsed(line, None).expect("all are documented");
        assert_eq!((full.listen.port(), full.force_turn, full.eager), (0, true, true));
        assert_eq!(full.users, ["zoe", "max"]);
        assert_eq!(full.administrators, ["zoe"]);
        let named = parsed("exchange --administrators ben,dev", None).expect("it is documented");
        assert_eq!(named.administrators, ["ben", "dev"]);
        assert_eq!((full.persistent, full.token_life), (Some(Duration::from_mins(5)), Duration::from_hours(1)));
        assert_eq!(full.call_appearances, 2);
        assert!(full.wrap_up && !plain.wrap_up);
        assert_eq!(parsed("exchange --no-persistent", None).expect("it is documented").persistent, None);
    }

    #[test]
    fn the_turn_password_may_come_from_the_environment() {
        let line = "exchange --turn turn:127.0.0.1:1?transport=tcp --turn-user u";
        let TurnChoice::External(servers) = parsed(line, Some("secret")).expect("it is there").turn else { panic!() };
        assert_eq!(servers.first().map(|s| (s.port, s.password.as_str())), Some((1, "secret")));
        assert!(parsed(line, None).is_err_and(|failure| failure.notice.remedy.contains(PASSWORD_VARIABLE)));
    }
}
