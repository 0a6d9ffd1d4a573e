//! How a call is, second by second, judged by the same limits as a check before it: one sentence, one badge, and
//! whose fault it is. A word is raised when three of the last five seconds were bad, and taken back when none was, so
//! that it neither flickers nor lies.

use std::collections::VecDeque;

use super::limits::Limits;
use super::words::percent;
use crate::event::Quality;

/// Seconds that are looked at together.
const WINDOW: usize = 5;
/// Bad ones among them that raise a word.
const RAISE: usize = 3;
/// From here on even patient people hang up.
const BAD_MOS: f64 = 2.8;

/// What is wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing arrives at all.
    Silent,
    /// Their sound is lost on the way to us.
    Choppy,
    /// Our sound is lost on the way to them.
    ChoppyThere,
    Delayed,
    Uneven,
    /// The estimate is low, and no single cause stands out.
    Weak,
}

const ALL: [Trouble; 6] =
    [Trouble::Silent, Trouble::Choppy, Trouble::ChoppyThere, Trouble::Delayed, Trouble::Uneven, Trouble::Weak];

impl Trouble {
    /// The rule that a check would raise for the same figures.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::ChoppyThere => "DX-03g",
            _ => "DX-03c",
        }
    }
}

/// How a call is.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// 0 while measuring, then 1 (bad) to 4 (good).
    pub bars: u8,
    pub word: &'static str,
    pub sentence: String,
    pub trouble: Option<Trouble>,
}

/// Whether this second shows the trouble.
fn shows(second: &Quality, trouble: Trouble, limits: &Limits) -> bool {
    let over = |value: Option<f64>, limit: f64| value.is_some_and(|value| value >= limit);
    match trouble {
        Trouble::Silent => over(second.loss, 0.995),
        Trouble::Choppy => over(second.loss, limits.loss.1),
        // What is bad in both directions is not the far side's affair alone.
        Trouble::ChoppyThere => {
            second.far_mos.is_some_and(|mos| mos < limits.mos.1) && second.mos.is_none_or(|mos| mos >= limits.mos.1)
        }
        Trouble::Delayed => over(second.rtt_ms, limits.round_trip_ms.1),
        Trouble::Uneven => over(second.jitter_ms, limits.jitter_ms.1),
        Trouble::Weak => worse(second).is_some_and(|mos| mos < limits.mos.1),
    }
}

/// The worse of both directions.
fn worse(second: &Quality) -> Option<f64> {
    match (second.mos, second.far_mos) {
        (Some(mine), Some(far)) => Some(mine.min(far)),
        (mine, far) => mine.or(far),
    }
}

/// Judges the seconds of a call one after the other; with hysteresis.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    limits: Limits,
    last: VecDeque<Quality>,
    raised: [bool; ALL.len()],
}

impl Watch {
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the figures of one more second.
    pub fn second(&mut self, quality: &Quality) {
        if self.last.len() == WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(quality.clone());
        for (trouble, raised) in ALL.into_iter().zip(&mut self.raised) {
            let bad = self.last.iter().filter(|second| shows(second, trouble, &self.limits)).count();
            *raised = if *raised { bad > 0 } else { bad >= RAISE };
        }
    }

    /// What is raised now, the worst only.
    pub fn trouble(&self) -> Option<Trouble> {
        ALL.into_iter().zip(self.raised).find_map(|(trouble, raised)| raised.then_some(trouble))
    }

    fn mean(&self, field: impl Fn(&Quality) -> Option<f64>) -> Option<f64> {
        let (sum, count) =
            self.last.iter().filter_map(field).fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// Of the worse direction: two bad seconds of five do not move it.
    fn median_mos(&self) -> Option<f64> {
        let mut seconds: Vec<f64> = self.last.iter().filter_map(worse).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }

    pub fn assess(&self) -> Assessment {
        let Some(mos) = self.median_mos() else {
            return Assessment { bars: 0, word: "Measuring", sentence: String::new(), trouble: None };
        };
        let trouble = self.trouble();
        let by_mos = match mos {
            mos if mos >= self.limits.mos.0 => 4,
            mos if mos >= self.limits.mos.1 => 3,
            mos if mos >= BAD_MOS => 2,
            _ => 1,
        };
        // The bars never say good while a word says otherwise, nor bad while no word was raised.
        let bars = match trouble {
            Some(Trouble::Silent) => 1,
            Some(_) => by_mos.min(2),
            None => by_mos.max(3),
        };
        let far = self.mean(|second| second.far_mos).is_some();
        let (word, sentence) = self.words(trouble, bars, far);
        Assessment { bars, word, sentence, trouble }
    }

    fn words(&self, trouble: Option<Trouble>, bars: u8, far: bool) -> (&'static str, String) {
        let loss = self.mean(|second| second.loss).unwrap_or(0.0);
        let delay = self.mean(|second| second.rtt_ms).unwrap_or(0.0);
        match trouble {
            Some(Trouble::Silent) => {
                ("Silent", "Nothing arrives from them. Offhook tries to find another way; stay on the line.".to_owned())
            }
            Some(Trouble::Choppy) => {
                ("Choppy", format!("{} of their sound is lost on the way to you. A cable often helps.", percent(loss)))
            }
            Some(Trouble::ChoppyThere) => (
                "Choppy for them",
                "Part of your sound does not reach them. Move closer to your Wi-Fi or use a cable.".to_owned(),
            ),
            Some(Trouble::Delayed) => (
                "Delayed",
                format!("Sound takes {:.1} s there and back. Let them finish before you speak.", delay / 1_000.0),
            ),
            Some(Trouble::Uneven) => {
                ("Uneven", "Their sound arrives in bursts. A cable, or less traffic on your network, helps.".to_owned())
            }
            Some(Trouble::Weak) => {
                ("Poor", "The network is weak. Move closer to your Wi-Fi or use a cable.".to_owned())
            }
            None if bars >= 4 && far => ("Good", "Good in both directions".to_owned()),
            None if bars >= 4 => ("Good", "You hear them clearly".to_owned()),
            None => ("Fair", "A little worse than usual".to_owned()),
        }
    }
}

/// Judges a minute of a call, oldest second first.
pub fn assess<'a>(seconds: impl Iterator<Item = &'a Quality>) -> Assessment {
    let mut watch = Watch::default();
    for second in seconds {
        watch.second(second);
    }
    watch.assess()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Quality {
        Quality {
            rtt_ms: Some(30.0),
            jitter_ms: Some(3.0),
            loss: Some(0.0),
            mos: Some(4.4),
            far_mos: Some(4.4),
            ..Quality::default()
        }
    }

    fn lossy() -> Quality {
        Quality { loss: Some(0.08), mos: Some(3.2), ..good() }
    }

    fn words(seconds: &[Quality]) -> Vec<&'static str> {
        let mut watch = Watch::default();
        seconds
            .iter()
            .map(|second| {
                watch.second(second);
                watch.assess().word
            })
            .collect()
    }

    #[test]
    fn a_word_is_raised_by_three_bad_seconds_of_five_and_taken_back_by_five_good_ones() {
        let mut seconds = vec![good(); 5];
        seconds.extend(vec![lossy(); 3]);
        seconds.extend(vec![good(); 6]);
        let words = words(&seconds);
        assert_eq!(words[..7], ["Good"; 7], "two bad seconds are no news: {words:?}");
        assert_eq!(words[7], "Choppy");
        assert_eq!(words[8..12], ["Choppy"; 4], "it does not flicker: {words:?}");
        assert_eq!(words[12], "Good");
    }

    #[test]
    fn every_trouble_has_its_word_and_the_worst_is_told() {
        let with = |change: fn(&mut Quality)| {
            let mut second = good();
            change(&mut second);
            assess(vec![second; 5].iter())
        };
        for (change, word, bars) in [
            ((|q| q.rtt_ms = Some(600.0)) as fn(&mut Quality), "Delayed", 2),
            (|q| q.jitter_ms = Some(80.0), "Uneven", 2),
            (|q| q.far_mos = Some(3.0), "Choppy for them", 2),
            (|q| (q.loss, q.mos) = (Some(1.0), Some(1.0)), "Silent", 1),
            (|q| (q.mos, q.far_mos) = (Some(3.1), None), "Poor", 2),
            (|q| (q.mos, q.far_mos) = (Some(3.7), None), "Fair", 3),
        ] {
            let assessment = with(change);
            assert_eq!((assessment.word, assessment.bars), (word, bars), "{assessment:?}");
        }
    }

    #[test]
    fn a_clean_half_hour_raises_nothing_and_nothing_measured_claims_nothing() {
        let mut watch = Watch::default();
        assert_eq!(watch.assess().bars, 0);
        for n in 0..1_800_u32 {
            // A single lost packet now and then is life.
            let loss = if n.is_multiple_of(97) { 0.02 } else { 0.0 };
            watch.second(&Quality { loss: Some(loss), ..good() });
            assert_eq!(watch.trouble(), None);
        }
        assert_eq!(watch.assess().sentence, "Good in both directions");
    }
}
