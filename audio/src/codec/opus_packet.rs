//! Reads the head of an Opus packet (RFC 6716 §3) without decoding it and without allocating.

/// What the table of contents and the first SILK frame say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpusPacket {
    /// Length of one frame in samples at 48 kHz.
    pub frame_samples: usize,
    /// Frames in the packet; 0 for a packet that says "nothing to send" (DTX).
    pub frames: usize,
    pub stereo: bool,
    /// The packet carries a coarser copy of the frame before it (LBRR, RFC 6716 §2.1.7).
    pub carries_previous: bool,
}

impl OpusPacket {
    pub fn samples(&self) -> usize {
        self.frame_samples * self.frames
    }
}

/// `None`: not a packet of RFC 6716.
pub fn parse(packet: &[u8]) -> Option<OpusPacket> {
    let (&toc, body) = packet.split_first()?;
    let config = toc >> 3;
    // RFC 6716 §3.1, table 2.
    let frame_samples = match config {
        0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let stereo = toc & 0b100 != 0;
    let (frames, first) = match toc & 3 {
        0 => (1, body),
        1 => (2, body.get(..body.len() / 2).filter(|_| body.len().is_multiple_of(2))?),
        2 => {
            let (length, rest) = frame_length(body)?;
            (2, rest.get(..length)?)
        }
        _ => many_frames(body)?,
    };
    if frame_samples * frames > super::MAX_PACKET_SAMPLES {
        return None;
    }
    let silk = config < 16;
    let carries_previous = silk && lbrr_flag(first, frame_samples, stereo);
    Some(OpusPacket { frame_samples, frames, stereo, carries_previous })
}

/// One or two bytes of length (RFC 6716 §3.2.1).
fn frame_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [first @ 0..=251, rest @ ..] => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*second) * 4 + usize::from(*first), rest)),
        _ => None,
    }
}

/// Code 3 (RFC 6716 §3.2.5): the number of frames, and the first frame.
fn many_frames(body: &[u8]) -> Option<(usize, &[u8])> {
    let (&head, mut rest) = body.split_first()?;
    let frames = usize::from(head & 0x3f);
    if frames == 0 {
        return None;
    }
    let (variable, padded) = (head & 0x80 != 0, head & 0x40 != 0);
    let mut padding = 0;
    if padded {
        loop {
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            padding += usize::from(byte.min(254));
            if byte != 255 {
                break;
            }
        }
    }
    let first_length = if variable && frames > 1 {
        let (length, mut tail) = frame_length(rest)?;
        for _ in 2..frames {
            tail = frame_length(tail)?.1;
        }
        rest = tail;
        length
    } else {
        rest.len().checked_sub(padding)? / frames
    };
    Some((frames, rest.get(..first_length)?))
}

/// The LBRR flag follows one voice activity bit per 20 ms of SILK, mid channel first (RFC 6716 §4.2.3). The flags
/// are coded with even probabilities, so they are the top bits of the first byte.
fn lbrr_flag(frame: &[u8], frame_samples: usize, stereo: bool) -> bool {
    let Some(&byte) = frame.first() else { return false };
    let silk_frames = (frame_samples / 960).max(1);
    let mid = byte >> (7 - silk_frames) & 1 != 0;
    let side = stereo
        && byte.checked_shr(u32::try_from(6_usize.saturating_sub(2 * silk_frames)).unwrap_or(0)).unwrap_or(0) & 1 != 0;
    mid || side
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_duration_and_count() {
        // Hybrid full band 20 ms, one frame.
        assert_eq!(parse(&[15 << 3, 0]).map(|p| p.samples()), Some(960));
        // CELT 2.5 ms, two equal frames.
        assert_eq!(parse(&[16 << 3 | 1, 1, 2]).map(|p| p.samples()), Some(240));
        // SILK 60 ms twice is 120 ms, the longest; three times is too long.
        assert_eq!(parse(&[3 << 3 | 3, 2, 0, 0]).map(|p| p.samples()), Some(5760));
        assert_eq!(parse(&[3 << 3 | 3, 3, 0, 0, 0]), None);
    }

    #[test]
    fn refuses_what_is_cut_short() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[3]), None);
        assert_eq!(parse(&[3, 0]), None);
        assert_eq!(parse(&[1, 9]), None);
        assert_eq!(parse(&[2, 252]), None);
        assert_eq!(parse(&[3, 0x42, 255]), None);
    }

    #[test]
    fn finds_redundancy_behind_the_voice_flags() {
        // SILK wide band 20 ms: voice, LBRR.
        assert!(parse(&[9 << 3, 0b1100_0000]).is_some_and(|p| p.carries_previous));
        assert!(parse(&[9 << 3, 0b1000_0000]).is_some_and(|p| !p.carries_previous));
        // 60 ms: three voice flags first.
        assert!(parse(&[11 << 3, 0b0001_0000]).is_some_and(|p| p.carries_previous));
        // CELT has none, whatever its bits.
        assert!(parse(&[31 << 3, 0xff]).is_some_and(|p| !p.carries_previous));
    }
}
