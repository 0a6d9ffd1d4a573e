//! Load and memory of this computer, and other phones that run on it.

use phone_core::diagnose::facts::ComputerFacts;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// Programs that are phones too, by the beginning of their name.
const PHONES: [(&str, &str); 12] = [
    ("linphone", "Linphone"),
    ("microsip", "MicroSIP"),
    ("zoiper", "Zoiper"),
    ("twinkle", "Twinkle"),
    ("baresip", "baresip"),
    ("jami", "Jami"),
    ("bria", "Bria"),
    ("3cx", "3CX"),
    ("ms-teams", "Teams"),
    ("teams", "Teams"),
    ("zoom", "Zoom"),
    ("genesys", "Genesys Cloud"),
];

/// Measures the processor between two looks.
pub struct Load {
    /// `None`: this system does not tell.
    system: Option<System>,
}

impl Default for Load {
    fn default() -> Self {
        let mut load = Self { system: System::new().ok() };
        load.refresh();
        load
    }
}

impl Load {
    fn refresh(&mut self) {
        let Some(system) = &mut self.system else { return };
        system.refresh_cpu_usage();
        system.refresh_memory();
        let kind = ProcessRefreshKind::nothing().with_cpu().with_exe(UpdateKind::Never);
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    }

    /// The load since the last look, or since the start; at least half a second should lie between.
    pub fn look(&mut self) -> ComputerFacts {
        self.refresh();
        let Some(system) = &self.system else { return ComputerFacts::default() };
        let names = || system.processes().values().map(|process| process.name().to_string_lossy().into_owned());
        let busiest = system
            .processes()
            .values()
            .max_by(|a, b| a.cpu_usage().total_cmp(&b.cpu_usage()))
            .filter(|process| process.cpu_usage() > 20.0)
            .map(|process| process.name().to_string_lossy().into_owned());
        ComputerFacts {
            cpu: Some((system.global_cpu_usage() / 100.0).clamp(0.0, 1.0)),
            busiest,
            free_memory_mb: Some(system.available_memory() / (1024 * 1024)),
            cores: u32::try_from(system.cpus().len()).ok(),
            missed_deadlines: None,
            other_phones: other_phones(names()),
        }
    }
}

/// Which of these programs are phones, each once.
pub fn other_phones(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut phones: Vec<String> = names
        .filter_map(|name| {
            let name = name.to_lowercase();
            PHONES.iter().find(|(start, _)| name.starts_with(start)).map(|(_, phone)| (*phone).to_owned())
        })
        .collect();
    phones.sort();
    phones.dedup();
    phones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_known_by_their_names_and_named_once() {
        let names = ["linphone-desktop", "Zoom.exe", "zoom", "offhook", "bash"].map(str::to_owned);
        assert_eq!(other_phones(names.into_iter()), ["Linphone", "Zoom"]);
    }

    #[test]
    fn a_look_finds_this_computer() {
        let facts = Load::default().look();
        assert!(facts.cores.is_some_and(|cores| cores > 0), "{facts:?}");
        assert!(facts.free_memory_mb.is_some_and(|free| free > 0), "{facts:?}");
        assert!(facts.cpu.is_some_and(|cpu| (0.0..=1.0).contains(&cpu)), "{facts:?}");
    }
}
