//! From figures to a word and a sentence.

use phone_core::diagnose::Limits;
use phone_core::diagnose::in_call::{self, Assessment};
use phone_core::event::Quality;
use phone_core::media::MediaPath;
use phone_core::snapshot::CallView;

use super::State;
use crate::text;

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

/// Judges a call by its last minute, oldest second first, with the rules and the patience of
/// [`phone_core::diagnose::in_call`].
pub fn judge<'a>(seconds: impl Iterator<Item = &'a Quality>) -> Verdict {
    let Assessment { bars, word, sentence, .. } = in_call::assess(seconds);
    let state = match bars {
        1 => Some(State::Danger),
        2 => Some(State::Warn),
        _ => None,
    };
    Verdict { bars, word, sentence, state }
}

/// The same for a call of which only the present second is known: it stands for those before.
pub fn judge_one(second: Option<&Quality>) -> Verdict {
    judge(second.into_iter().flat_map(|second| std::iter::repeat_n(second, 5)))
}

/// One figure; `beyond` its limit it gets a triangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub words: String,
    pub beyond: bool,
}

/// One line of figures: you to them, them to you.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: &'static str,
    pub values: [Cell; 2],
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub rows: Vec<Line>,
}

/// The figures of a call, both directions, held against the limits of the checks.
pub fn table(call: &CallView) -> Table {
    let limits = Limits::default();
    let quality = call.quality.clone().unwrap_or_default();
    let none = || Cell { words: text::NOT_REPORTED.to_owned(), beyond: false };
    let cell = |value: Option<f64>, show: fn(f64) -> String, beyond: bool| {
        value.map_or_else(none, |value| Cell { words: show(value), beyond })
    };
    let over = |value: Option<f64>, limit: f64| value.is_some_and(|value| value >= limit);
    let under = |value: Option<f64>, limit: f64| value.is_some_and(|value| value < limit);
    let mos = |value: Option<f64>| cell(value, |mos| format!("{mos:.1}"), under(value, limits.mos.0));
    let ms: fn(f64) -> String = |ms| format!("{ms:.0} ms");
    let round_trip = || cell(quality.rtt_ms, ms, over(quality.rtt_ms, limits.round_trip_ms.0));
    let mut rows = vec![
        Line { name: "Quality (MOS)", values: [mos(quality.far_mos), mos(quality.mos)] },
        Line {
            name: "Lost",
            values: [
                none(),
                cell(quality.loss, |loss| format!("{:.1} %", loss * 100.0), over(quality.loss, limits.loss.0)),
            ],
        },
        Line {
            name: "Jitter",
            values: [none(), cell(quality.jitter_ms, ms, over(quality.jitter_ms, limits.jitter_ms.0))],
        },
        Line { name: "Round trip", values: [round_trip(), round_trip()] },
    ];
    if let Some(media) = &call.media {
        let plain = |words: &str| Cell { words: words.to_owned(), beyond: false };
        let codec = media.codec.to_string();
        let codec = codec.split('/').next().unwrap_or_default().to_owned();
        rows.push(Line { name: "Codec", values: [plain(&codec), plain(&codec)] });
        let mark = match media.dscp.effective {
            Some(effective) => Cell { words: format!("DSCP {effective}"), beyond: effective != media.dscp.configured },
            None => none(),
        };
        rows.push(Line { name: "Priority mark", values: [mark, none()] });
        let security = media.security.split(' ').next().unwrap_or_default().to_uppercase();
        rows.push(Line { name: "Encryption", values: [plain(&security), plain(&security)] });
        let path = match media.path {
            MediaPath::Direct => "Direct",
            MediaPath::RelayNeeded => "Relay, needed",
            MediaPath::RelayForced => "Relay, forced",
        };
        rows.push(Line { name: "Path", values: [plain(path), plain(path)] });
    }
    Table { rows }
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
        let verdict = judge_one(Some(&Quality {
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
        assert_eq!(verdict(2.7, None, 0.0, 600.0), (1, "Delayed"));
        assert_eq!(verdict(4.4, Some(3.2), 0.0, 20.0), (2, "Choppy for them"));
    }

    #[test]
    fn what_is_beyond_its_limit_is_marked_and_what_nobody_reports_is_a_dash() {
        let mut view = crate::model::made_up::call(
            1,
            "Tom",
            phone_core::snapshot::CallState::Connected,
            std::time::Instant::now(),
        );
        view.quality = Some(Quality { mos: Some(3.2), loss: Some(0.04), rtt_ms: Some(42.0), ..Quality::default() });
        let table = table(&view);
        let find = |name: &str| table.rows.iter().find(|row| row.name == name).unwrap().values.clone();
        assert_eq!(find("Lost")[1], Cell { words: "4.0 %".to_owned(), beyond: true });
        assert_eq!(find("Round trip")[0], Cell { words: "42 ms".to_owned(), beyond: false });
        assert_eq!(find("Quality (MOS)")[0].words, text::NOT_REPORTED);
        assert!(find("Quality (MOS)")[1].beyond);
    }

    #[test]
    fn without_figures_nothing_is_claimed() {
        assert_eq!(judge_one(None).bars, 0);
        assert_eq!(judge_one(Some(&Quality::default())).word, "Measuring");
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
