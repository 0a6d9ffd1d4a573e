//! ITU-T G.722 (09/2012) at 64 kb/s: two bands of 8 kHz, 6 bits for the lower and 2 for the upper, adaptive prediction in
//! both. Whole arithmetic in the block structure of the Recommendation, so that the bits are the same everywhere; the
//! names in capitals are its blocks (§6.2).

/// Taps of the quadrature mirror filter with even index; the odd ones are these backwards (table 11, times 2^13).
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const QMF_TAPS: usize = 24;

/// Decision levels of the 6 bit quantiser (table 14).
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output values of the inverse quantisers (tables 15 and 17), by code.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];
const QM4: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];
const QM2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// Decision level of the 2 bit quantiser.
const Q2: i32 = 564;
/// Steps of the logarithmic scale factor (tables 16 and 20): by magnitude of the code.
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const WH: [i32; 2] = [798, -214];
/// The scale factor is an exponent with this table for its fraction (table 18).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Ceilings of the logarithmic scale factors.
const LOW_MOST: i32 = 18_432;
const HIGH_MOST: i32 = 22_528;

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// One band's predictor and scale factor.
#[derive(Clone, Debug)]
struct Band {
    /// Prediction: all of it, and the part of the zeros.
    s: i32,
    sz: i32,
    /// Reconstructed signal and partial reconstruction, the last two, newest first.
    r: [i32; 2],
    p: [i32; 2],
    /// Poles.
    a: [i32; 2],
    /// Quantised differences, newest first, and zeros.
    d: [i32; 6],
    b: [i32; 6],
    /// Logarithmic and linear scale factor.
    nb: i32,
    det: i32,
}

impl Band {
    fn new(det: i32) -> Self {
        Self { s: 0, sz: 0, r: [0; 2], p: [0; 2], a: [0; 2], d: [0; 6], b: [0; 6], nb: 0, det }
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH.
    fn scale(&mut self, step: i32, most: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + step).clamp(0, most);
        let fraction = ILB.get((self.nb >> 6 & 31) as usize).copied().unwrap_or(0);
        let exponent = shift - (self.nb >> 11);
        self.det = (if exponent < 0 { fraction << -exponent } else { fraction >> exponent }) << 2;
    }

    /// Takes the quantised difference and predicts the next sample: RECONS, PARREC, UPPOL2, UPPOL1, UPZERO, DELAYA,
    /// FILTEP, FILTEZ and PREDIC.
    fn adapt(&mut self, difference: i32) {
        let r = saturated(self.s + difference);
        let p = saturated(self.sz + difference);
        let same = |one: i32, other: i32| (one < 0) == (other < 0);

        // UPPOL2
        let [a1, a2] = self.a;
        let wide = saturated(a1 << 2);
        let mut moved = if same(p, self.p[0]) { -wide } else { wide }.min(32_767) >> 7;
        moved += if same(p, self.p[1]) { 128 } else { -128 };
        let a2 = (moved + ((a2 * 32_512) >> 15)).clamp(-12_288, 12_288);
        // UPPOL1
        let moved = if same(p, self.p[0]) { 192 } else { -192 };
        let limit = saturated(15_360 - a2);
        let a1 = saturated(moved + ((a1 * 32_640) >> 15)).clamp(-limit, limit);
        // UPZERO
        let step = if difference == 0 { 0 } else { 128 };
        for (b, d) in self.b.iter_mut().zip(&self.d) {
            *b = saturated(if same(*d, difference) { step } else { -step } + ((*b * 32_640) >> 15));
        }
        // DELAYA
        self.d.copy_within(..5, 1);
        self.d[0] = difference;
        self.r = [r, self.r[0]];
        self.p = [p, self.p[0]];
        self.a = [a1, a2];
        // FILTEP
        let poles = self.a.iter().zip(&self.r).map(|(a, r)| (a * saturated(2 * r)) >> 15).sum();
        // FILTEZ
        self.sz = saturated(self.b.iter().zip(&self.d).map(|(b, d)| (b * saturated(2 * d)) >> 15).sum());
        // PREDIC
        self.s = saturated(saturated(poles) + self.sz);
    }

    /// INVQAL, then everything that follows a code of the lower band. Of its 6 bits only the upper 4 adapt, so that data
    /// may replace the rest on the way.
    fn adapt_low(&mut self, code: u8) {
        let upper = usize::from(code >> 2 & 15);
        let difference = (self.det * QM4.get(upper).copied().unwrap_or(0)) >> 15;
        let step = RL42.get(upper).and_then(|index| WL.get(*index)).copied().unwrap_or(0);
        self.scale(step, LOW_MOST, 8);
        self.adapt(difference);
    }

    /// The same for the upper band; returns the quantised difference.
    fn adapt_high(&mut self, code: u8) -> i32 {
        let difference = (self.det * QM2.get(usize::from(code & 3)).copied().unwrap_or(0)) >> 15;
        self.scale(WH.get(usize::from(code & 1)).copied().unwrap_or(0), HIGH_MOST, 10);
        self.adapt(difference);
        difference
    }
}

/// The last samples of a band filter.
#[derive(Clone, Debug, Default)]
struct Mirror([i32; QMF_TAPS]);

impl Mirror {
    /// Takes two samples; the sums over even and odd taps.
    fn push(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.0.copy_within(2.., 0);
        self.0[QMF_TAPS - 2] = first;
        self.0[QMF_TAPS - 1] = second;
        let (mut even, mut odd) = (0, 0);
        for ((pair, tap), backwards) in self.0.chunks_exact(2).zip(&QMF).zip(QMF.iter().rev()) {
            even += pair[0] * tap;
            odd += pair[1] * backwards;
        }
        (even, odd)
    }
}

/// 16 kHz samples to codes.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::new(32), high: Band::new(8) }
    }
}

impl G722Encoder {
    /// Two samples of 16 bits at 16 kHz to one code.
    pub fn encode(&mut self, first: i16, second: i16) -> u8 {
        let (even, odd) = self.mirror.push(first.into(), second.into());
        let (low, high) = ((even + odd) >> 14, (odd - even) >> 14);
        let low = Self::quantise_low(&self.low, low);
        self.low.adapt_low(low);
        let high = Self::quantise_high(&self.high, high);
        self.high.adapt_high(high);
        high << 6 | low
    }

    /// SUBTRA and QUANTL.
    fn quantise_low(band: &Band, sample: i32) -> u8 {
        let error = saturated(sample - band.s);
        let height = if error < 0 { -(error + 1) } else { error };
        let above = Q6.iter().skip(1).take_while(|level| height >= (*level * band.det) >> 12).count() as u8;
        // Tables 12 and 13: positive codes fall from 61, negative from 63, 62 and then 31.
        match (error < 0, above) {
            (false, _) => 61 - above,
            (true, 0 | 1) => 63 - above,
            (true, _) => 33 - above,
        }
    }

    /// SUBTRA and QUANTH.
    fn quantise_high(band: &Band, sample: i32) -> u8 {
        let error = saturated(sample - band.s);
        let height = if error < 0 { -(error + 1) } else { error };
        let far = height >= (Q2 * band.det) >> 12;
        match (error < 0, far) {
            (false, false) => 3,
            (false, true) => 2,
            (true, false) => 1,
            (true, true) => 0,
        }
    }
}

/// Codes to 16 kHz samples.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    mirror: Mirror,
    low: Band,
    high: Band,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self { mirror: Mirror::default(), low: Band::new(32), high: Band::new(8) }
    }
}

impl G722Decoder {
    /// One code to two samples of 16 bits at 16 kHz.
    pub fn decode(&mut self, code: u8) -> [i16; 2] {
        // INVQBL, RECONS and LIMIT of the lower band.
        let fine = QM6.get(usize::from(code & 63)).copied().unwrap_or(0);
        let low = (self.low.s + ((self.low.det * fine) >> 15)).clamp(-16_384, 16_383);
        self.low.adapt_low(code & 63);
        let predicted = self.high.s;
        let high = (predicted + self.high.adapt_high(code >> 6)).clamp(-16_384, 16_383);
        let (even, odd) = self.mirror.push(low + high, low - high);
        [saturated(odd >> 11) as i16, saturated(even >> 11) as i16]
    }
}
