//! ITU-T G.711: eight bits a sample by a logarithmic law. Whole arithmetic as the Recommendation's tables 1 and 2 say.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// North America and Japan: PCMU.
    Mu,
    /// Everywhere else: PCMA.
    A,
}

/// Added before the segment is found, so that segments are powers of two (G.711 table 2, in 14 bits).
const MU_BIAS: i32 = 33;
const MU_MOST: i32 = 0x1fff;
/// Every second bit is inverted on the line, so that silence keeps clocks running (G.711 §2.1).
const A_MASK: u8 = 0x55;

impl Law {
    /// One sample of 16 bits to its code. µ-law looks at the upper 14 bits, A-law at the upper 13.
    pub fn encode(self, sample: i16) -> u8 {
        let sign = if sample >= 0 { 0x80 } else { 0 };
        // Ones' complement: −1 is as far from the middle as 0, as the decision values of the tables have it.
        let height = i32::from(if sample < 0 { !sample } else { sample });
        match self {
            Self::Mu => {
                let biased = ((height >> 2) + MU_BIAS).min(MU_MOST);
                // 33 is segment 0, 0x1fff segment 7.
                let segment = 26_u32.saturating_sub(biased.leading_zeros());
                let step = (biased >> (segment + 1)) & 0x0f;
                let code = ((segment as u8) << 4) | step as u8;
                // Magnitudes are inverted on the line, the sign is not.
                (code ^ 0x7f) | sign
            }
            Self::A => {
                let height = height >> 4;
                let segment = if height < 32 { u32::from(height >= 16) } else { 28 - height.leading_zeros() };
                let shifted = height >> segment.saturating_sub(1);
                let code = ((segment as u8) << 4) | (shifted & 0x0f) as u8;
                (code | sign) ^ A_MASK
            }
        }
    }

    /// The middle of the interval a code stands for, in 16 bits.
    pub fn decode(self, code: u8) -> i16 {
        let (height, positive) = match self {
            Self::Mu => {
                let bits = !code;
                let (segment, step) = (bits >> 4 & 7, i32::from(bits & 0x0f));
                let height = ((2 * step + MU_BIAS) << segment) - MU_BIAS;
                (height << 2, code & 0x80 != 0)
            }
            Self::A => {
                let bits = code ^ A_MASK;
                let (segment, step) = (bits >> 4 & 7, i32::from(bits & 0x0f));
                let height = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << (segment - 1) };
                (height << 3, bits & 0x80 != 0)
            }
        };
        (if positive { height } else { -height }) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The oracle crate equals the sweep vectors of the ITU's own software tool library (G.191).
    #[test]
    fn all_65536_inputs_and_256_codes_are_those_of_the_itu() {
        use audio_codec_algorithms as itu;
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(Law::A.encode(sample), itu::encode_alaw(sample), "A-law of {sample}");
            assert_eq!(Law::Mu.encode(sample), itu::encode_ulaw(sample), "µ-law of {sample}");
        }
        for code in 0..=255 {
            assert_eq!(Law::A.decode(code), itu::decode_alaw(code), "A-law code {code}");
            assert_eq!(Law::Mu.decode(code), itu::decode_ulaw(code), "µ-law code {code}");
        }
    }

    #[test]
    fn the_corners_of_the_recommendations_tables() {
        // Table 1 and 2: the loudest, the first positive and the first negative interval.
        assert_eq!((Law::A.encode(i16::MAX), Law::A.encode(0), Law::A.encode(-1)), (0xaa, 0xd5, 0x55));
        assert_eq!((Law::Mu.encode(i16::MAX), Law::Mu.encode(0), Law::Mu.encode(-1)), (0x80, 0xff, 0x7f));
        assert_eq!((Law::A.decode(0xaa), Law::A.decode(0xd5)), (32_256, 8));
        assert_eq!((Law::Mu.decode(0x80), Law::Mu.decode(0xff)), (32_124, 0));
    }

    #[test]
    fn every_code_comes_back_as_itself() {
        for code in 0..=255 {
            assert_eq!(Law::A.encode(Law::A.decode(code)), code);
            // µ-law has two zeros; the negative one becomes the positive.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(code)), expected);
        }
    }
}
