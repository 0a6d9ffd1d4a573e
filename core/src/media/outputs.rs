//! What the driver has not taken yet.

use std::collections::VecDeque;

use super::types::EngineOutput;

/// Outputs waiting at most; when full, datagrams and audio are dropped (a driver that does not drain loses
/// packets, as a network does), everything else is kept because it is rare.
const CAPACITY: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<EngineOutput>);

impl Outputs {
    pub fn push(&mut self, output: EngineOutput) {
        let replaceable = matches!(output, EngineOutput::Transmit { .. } | EngineOutput::Audio { .. });
        if !replaceable || self.0.len() < CAPACITY {
            self.0.push_back(output);
        }
    }

    pub fn poll(&mut self) -> Option<EngineOutput> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LegId;

    #[test]
    fn a_driver_that_does_not_drain_loses_datagrams_and_no_requests() {
        let mut outputs = Outputs::default();
        let to = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
        for _ in 0..CAPACITY + 10 {
            outputs.push(EngineOutput::Transmit { leg: LegId(1), to, bytes: Vec::new() });
        }
        outputs.push(EngineOutput::CloseLeg { leg: LegId(1) });
        let taken: Vec<EngineOutput> = std::iter::from_fn(|| outputs.poll()).collect();
        assert_eq!((taken.len(), taken.last()), (CAPACITY + 1, Some(&EngineOutput::CloseLeg { leg: LegId(1) })));
    }
}
