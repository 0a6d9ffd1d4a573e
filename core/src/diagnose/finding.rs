//! What judging gives: lines, causes with their proof, and a verdict on the whole.

use serde::{Deserialize, Serialize};

use super::catalogue::{self, Owner};
use crate::sound::SoundRole;

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing was measured; the words say why.
    Skipped,
    Pass,
    Warn,
    Fail,
}

/// One line of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// A [`Check`](catalogue::Check)'s id.
    pub check: String,
    pub verdict: Verdict,
    /// The plain result, under the name of the check.
    pub words: String,
    /// The figure with its unit; empty: there is none.
    #[serde(default)]
    pub value: String,
    /// The limit it is held against, with its sign; empty: there is none.
    #[serde(default)]
    pub limit: String,
}

impl Line {
    pub fn new(check: &str, verdict: Verdict, words: impl Into<String>) -> Self {
        Self { check: check.to_owned(), verdict, words: words.into(), value: String::new(), limit: String::new() }
    }

    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    #[must_use]
    pub fn limit(mut self, limit: impl Into<String>) -> Self {
        self.limit = limit.into();
        self
    }

    /// The check's name; its id when an old report names one that is gone.
    pub fn name(&self) -> &str {
        catalogue::check(&self.check).map_or(self.check.as_str(), |check| check.name)
    }
}

/// One fact that speaks for or against a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    pub sign: Sign,
    pub fact: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// It is wrong here.
    Bad,
    /// It is right here.
    Good,
    /// Neither: when, where, which.
    Note,
}

impl Evidence {
    pub fn bad(fact: impl Into<String>, value: impl Into<String>) -> Self {
        Self { sign: Sign::Bad, fact: fact.into(), value: value.into() }
    }

    pub fn good(fact: impl Into<String>, value: impl Into<String>) -> Self {
        Self { sign: Sign::Good, fact: fact.into(), value: value.into() }
    }

    pub fn note(fact: impl Into<String>, value: impl Into<String>) -> Self {
        Self { sign: Sign::Note, fact: fact.into(), value: value.into() }
    }
}

/// What the main button of a cause does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Remedy {
    UseDevice {
        role: RemedyRole,
        id: String,
        name: String,
    },
    /// Unmute it in the system, and turn it up from zero.
    Unmute {
        role: RemedyRole,
        id: String,
        name: String,
    },
    /// The system's page of microphone permissions.
    OpenPermissions,
    /// The system's sound settings.
    OpenSystemSound,
    /// Offhook's own page of devices.
    OpenDevices,
    SignInAgain,
    CopyForIt,
    CheckAgain,
}

/// Like [`SoundRole`], and readable from a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyRole {
    Microphone,
    Speaker,
    Ringer,
}

impl From<RemedyRole> for SoundRole {
    fn from(role: RemedyRole) -> Self {
        match role {
            RemedyRole::Microphone => Self::Microphone,
            RemedyRole::Speaker => Self::Speaker,
            RemedyRole::Ringer => Self::Ringer,
        }
    }
}

/// A cause that the facts speak for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// A [`Rule`](catalogue::Rule)'s id.
    pub rule: String,
    /// 0–1.
    pub confidence: f32,
    /// Calls suffer now, as opposed to: worth knowing.
    pub severe: bool,
    pub evidence: Vec<Evidence>,
    pub remedy: Remedy,
}

impl Cause {
    pub fn new(rule: &str, confidence: f32, severe: bool, remedy: Remedy) -> Self {
        Self { rule: rule.to_owned(), confidence: confidence.clamp(0.0, 1.0), severe, evidence: Vec::new(), remedy }
    }

    #[must_use]
    pub fn because(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    pub fn title(&self) -> &str {
        catalogue::rule(&self.rule).map_or(self.rule.as_str(), |rule| rule.cause)
    }

    pub fn verdict(&self) -> &str {
        catalogue::rule(&self.rule).map_or(self.rule.as_str(), |rule| rule.verdict)
    }

    pub fn advice(&self) -> &str {
        catalogue::rule(&self.rule).map_or("", |rule| rule.remedy)
    }

    pub fn owner(&self) -> Owner {
        catalogue::rule(&self.rule).map_or(Owner::YouOrIt, |rule| rule.owner)
    }

    pub fn likelihood(&self) -> &'static str {
        match self.confidence {
            c if c >= 0.8 => "Very likely",
            c if c >= 0.5 => "Likely",
            c if c >= 0.2 => "Possible",
            c if c >= 0.05 => "Unlikely",
            _ => "Very unlikely",
        }
    }
}

/// The whole run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    Ready,
    ReadyWithWarnings,
    NotReady,
    /// Nothing, or not enough, could be measured.
    CouldNotRun,
}

impl Readiness {
    /// The exit code that scripts rely on.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::ReadyWithWarnings => 1,
            Self::NotReady => 2,
            Self::CouldNotRun => 3,
        }
    }

    pub fn of(lines: &[Line], causes: &[Cause]) -> Self {
        let measured = lines.iter().any(|line| line.verdict != Verdict::Skipped);
        let worst = lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Skipped);
        if !measured {
            Self::CouldNotRun
        } else if worst == Verdict::Fail || causes.iter().any(|cause| cause.severe && cause.confidence >= 0.5) {
            Self::NotReady
        } else if worst == Verdict::Warn || causes.iter().any(|cause| cause.confidence >= 0.5) {
            Self::ReadyWithWarnings
        } else {
            Self::Ready
        }
    }
}
