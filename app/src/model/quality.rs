//! From figures to a word and a sentence.

use phone_core::event::Quality;

use super::State;

/// Four bars, a word, a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// 0 while measuring, then 1 to 4.
    pub bars: u8,
    pub word: &'static str,
    pub sentence: String,
    /// How the block is tinted; `None` while all is well.
    pub state: Option<State>,
}

/// Mean opinion scores from which a call counts as good, fair and poor (scale of ITU-T P.800.1).
const GOOD: f64 = 4.0;
const FAIR: f64 = 3.6;
const POOR: f64 = 3.1;
/// Share of lost packets that is heard as choppy.
const CHOPPY_LOSS: f64 = 0.03;
/// Delay there and back that disturbs talking in turns (ITU-T G.114 allows 150 ms one way, 400 ms at most).
const SLOW_RTT_MS: f64 = 400.0;
const UNEVEN_JITTER_MS: f64 = 40.0;

const MEASURING: Verdict = Verdict { bars: 0, word: "Measuring", sentence: String::new(), state: None };

/// Judges the mean of the last seconds; `None` when nothing was measured yet.
pub fn judge(quality: Option<&Quality>) -> Verdict {
    let Some(quality) = quality else { return MEASURING };
    let Some(mine) = quality.mos else { return MEASURING };
    let worst = quality.far_mos.map_or(mine, |far| mine.min(far));
    let (bars, state) = match worst {
        mos if mos >= GOOD => (4, None),
        mos if mos >= FAIR => (3, None),
        mos if mos >= POOR => (2, Some(State::Warn)),
        _ => (1, Some(State::Danger)),
    };
    let loss = quality.loss.unwrap_or(0.0);
    let rtt = quality.rtt_ms.unwrap_or(0.0);
    let jitter = quality.jitter_ms.unwrap_or(0.0);
    let far_is_worse = quality.far_mos.is_some_and(|far| far + 0.3 < mine);

    let (word, sentence) = if bars == 4 {
        let clear = if quality.far_mos.is_some() { "Clear in both directions" } else { "You hear them clearly" };
        ("Good", clear.to_owned())
    } else if far_is_worse {
        let word = if bars == 3 { "Fair for them" } else { "Choppy for them" };
        (word, "Part of your sound does not reach them. Move closer to your Wi-Fi or use a cable.".to_owned())
    } else if loss >= CHOPPY_LOSS {
        ("Choppy", format!("{:.0} % of their sound is lost on the way to you. A cable often helps.", loss * 100.0))
    } else if rtt >= SLOW_RTT_MS {
        ("Delayed", format!("Sound takes {:.1} s there and back. Let them finish before you speak.", rtt / 1_000.0))
    } else if jitter >= UNEVEN_JITTER_MS {
        ("Uneven", "Their sound arrives in bursts. A cable, or less traffic on your network, helps.".to_owned())
    } else if bars == 3 {
        ("Fair", "A little worse than usual".to_owned())
    } else {
        ("Poor", "The network is weak. Move closer to your Wi-Fi or use a cable.".to_owned())
    };
    Verdict { bars, word, sentence, state }
}

/// The mean of several seconds, field by field; what was never measured stays `None`.
pub fn mean<'a>(seconds: &(impl Iterator<Item = &'a Quality> + Clone)) -> Quality {
    let over = |field: fn(&Quality) -> Option<f64>| {
        let (sum, count) =
            seconds.clone().filter_map(field).fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    Quality {
        rtt_ms: over(|q| q.rtt_ms),
        jitter_ms: over(|q| q.jitter_ms),
        loss: over(|q| q.loss),
        buffer_ms: over(|q| q.buffer_ms),
        mos: over(|q| q.mos),
        far_mos: over(|q| q.far_mos),
        level_in_dbfs: None,
        level_out_dbfs: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(mos: f64, far_mos: Option<f64>, loss: f64, rtt_ms: f64) -> (u8, &'static str) {
        let verdict = judge(Some(&Quality {
            mos: Some(mos),
            far_mos,
            loss: Some(loss),
            rtt_ms: Some(rtt_ms),
            ..Quality::default()
        }));
        (verdict.bars, verdict.word)
    }

    #[test]
    fn the_word_names_the_cause() {
        assert_eq!(verdict(4.4, Some(4.4), 0.0, 20.0), (4, "Good"));
        assert_eq!(verdict(3.7, Some(4.4), 0.0, 20.0), (3, "Fair"));
        assert_eq!(verdict(3.3, Some(4.4), 0.06, 20.0), (2, "Choppy"));
        assert_eq!(verdict(2.8, None, 0.0, 600.0), (1, "Delayed"));
        assert_eq!(verdict(4.4, Some(3.2), 0.0, 20.0), (2, "Choppy for them"));
    }

    #[test]
    fn without_figures_nothing_is_claimed() {
        assert_eq!(judge(None).bars, 0);
        assert_eq!(judge(Some(&Quality::default())).word, "Measuring");
    }

    #[test]
    fn the_mean_ignores_seconds_without_a_figure() {
        let seconds = [
            Quality { mos: Some(4.0), ..Quality::default() },
            Quality::default(),
            Quality { mos: Some(3.0), loss: Some(0.1), ..Quality::default() },
        ];
        let mean = mean(&seconds.iter());
        assert_eq!((mean.mos, mean.loss, mean.rtt_ms), (Some(3.5), Some(0.1), None));
    }
}
