//! Four residues at a time: words in [`__m256i`], the same integers as doubles in [`__m256d`].

use std::arch::x86_64::*;

use crate::kernels::Modulus;

/// Four neighbouring words.
pub type Row = [u64; 4];

/// 2^52 as a double: an integer x below 2^52 is the lower bits of 2^52 + x.
const SHIFT: f64 = 4_503_599_627_370_496.0;
/// 1.5·2^52: the same for −2^51 ≤ x < 2^51.
const MIDDLE: f64 = 6_755_399_441_055_744.0;
/// 2^104: the double 2^104 + ab has the upper half of a product ab in its lower bits.
const FAR: f64 = SHIFT * SHIFT;
const MASK: u64 = (1 << 52) - 1;

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn load(row: &Row) -> __m256i {
    // SAFETY: both types are 32 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<Row, __m256i>(*row) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn store(row: &mut Row, x: __m256i) {
    // SAFETY: as for `load`.
    *row = unsafe { std::mem::transmute::<__m256i, Row>(x) };
}

/// Four doubles that [`store_doubles`] left where words were.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn load_doubles(row: &Row) -> __m256d {
    _mm256_castsi256_pd(load(row))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn store_doubles(row: &mut Row, x: __m256d) {
    store(row, _mm256_castpd_si256(x));
}

/// Four words of four bytes each.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn load_u32(words: &[u64; 2]) -> __m256i {
    // SAFETY: both types are 16 bytes of which every pattern is valid.
    _mm256_cvtepu32_epi64(unsafe { std::mem::transmute::<[u64; 2], __m128i>(*words) })
}

/// Where the bits of eight words are that follow one another without gaps, the lowest first: they take as many bytes as a word has bits.
pub struct Packed {
    /// Bits of a word, 32 to 57.
    pub bits: usize,
    /// The 16 bytes in which each pair of words lies begin here.
    starts: [usize; 4],
    /// For each of the first four words and of the last four, the eight of its pair's bytes in which it begins.
    places: [__m256i; 2],
    /// At which bit of them it begins.
    shifts: [__m256i; 2],
    ones: __m256i,
}

impl Packed {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn new(bits: usize) -> Self {
        assert!((32..=57).contains(&bits));
        // The last pair's bytes end where the eight words end.
        let starts = [0, 1, 2, 3].map(|pair| (2 * bits * pair / 8).min(bits - 16));
        let (mut places, mut shifts) = ([[0; 4]; 2], [[0; 4]; 2]);
        for word in 0..8 {
            let bit = bits * word - 8 * starts[word / 2];
            // Bytes from 16 on are none, which the permutation is told by the upper bit: a word's own are all below.
            let place = |k: usize| if bit / 8 + k < 16 { (bit / 8 + k) as u8 } else { 0x80 };
            places[word / 4][word % 4] = u64::from_le_bytes(std::array::from_fn(place));
            shifts[word / 4][word % 4] = (bit % 8) as u64;
        }
        let load = |rows: [Row; 2]| [load(&rows[0]), load(&rows[1])];
        Self { bits, starts, places: load(places), shifts: load(shifts), ones: splat((1 << bits) - 1) }
    }

    /// The first four words or, for `half` = 1, the last four.
    ///
    /// # Panics
    /// If these are not the bytes that eight words take.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn load(&self, bytes: &[u8], half: usize) -> __m256i {
        assert!(bytes.len() == self.bits);
        let pair = |pair: usize| load_16(&bytes[self.starts[pair]..]);
        let pairs = _mm256_set_m128i(pair(2 * half + 1), pair(2 * half));
        let words = _mm256_srlv_epi64(_mm256_shuffle_epi8(pairs, self.places[half]), self.shifts[half]);
        _mm256_and_si256(words, self.ones)
    }
}

/// The first 16 bytes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_16(bytes: &[u8]) -> __m128i {
    let bytes = bytes.as_chunks::<16>().0[0];
    // SAFETY: both types are 16 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<[u8; 16], __m128i>(bytes) }
}

/// Asks for a line of memory that will be read soon.
#[inline]
pub fn prefetch(row: &[u64; 8]) {
    // SAFETY: the instruction reads nothing that the program sees, and the address is that of a reference.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(row.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn splat(word: u64) -> __m256i {
    _mm256_set1_epi64x(word as i64)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn splat_double(x: f64) -> __m256d {
    _mm256_set1_pd(x)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn zero() -> __m256i {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi64(a, b)
}

/// The product of the lower halves of the lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn mul_u32(a: __m256i, b: __m256i) -> __m256i {
    _mm256_mul_epu32(a, b)
}

/// Words below 2^52 as doubles.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn to_doubles(x: __m256i) -> __m256d {
    let shift = splat_double(SHIFT);
    _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(x), shift), shift)
}

/// Words below 2^52 become the bits of doubles.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn doubles_in_place(row: &mut Row) {
    let x = to_doubles(load(row));
    store_doubles(row, x);
}

/// Integers in [0, 2^52) as words.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn to_words(x: __m256d) -> __m256i {
    let shift = splat_double(SHIFT);
    _mm256_castpd_si256(_mm256_xor_pd(_mm256_add_pd(x, shift), shift))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn round(x: __m256d) -> __m256d {
    _mm256_round_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x)
}

/// A known factor: its representative w of least magnitude, and w/p.
#[derive(Clone, Copy)]
pub struct Factor {
    pub w: __m256d,
    pub quotient: __m256d,
}

impl Factor {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn new(m: &Modulus, w: u64) -> Self {
        let (w, quotient) = factor_of(m, w);
        Self { w: splat_double(w), quotient: splat_double(quotient) }
    }
}

/// The representative of a residue of least magnitude, and that over p, rounded once.
pub fn factor_of(m: &Modulus, w: u64) -> (f64, f64) {
    let w = m.center(w) as f64;
    (w, w / m.value() as f64)
}

/// A prime in every lane, with what reductions need.
#[derive(Clone, Copy)]
pub struct Prime {
    p: __m256d,
    /// 1/p.
    reciprocal: __m256d,
    /// 2^52 modulo p.
    wide: Factor,
    /// p and p − 1 as words.
    word: __m256i,
    below: __m256i,
}

impl Prime {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn new(m: &Modulus) -> Self {
        let p = m.value();
        Self {
            p: splat_double(p as f64),
            reciprocal: splat_double(1.0 / p as f64),
            wide: Factor::new(m, m.reduce_u64(1 << 52)),
            word: splat(p),
            below: splat(p - 1),
        }
    }

    /// x modulo p, of magnitude below p, for an integer |x| ≤ 1.25·2^52.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn reduce(&self, x: __m256d) -> __m256d {
        _mm256_fnmadd_pd(round(_mm256_mul_pd(x, self.reciprocal)), self.p, x)
    }

    /// x·w modulo p, of magnitude up to p·(½ + |x·w/p|·2^−52), for an integer |x| < 2^53.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn times(&self, x: __m256d, f: Factor) -> __m256d {
        let q = round(_mm256_mul_pd(x, f.quotient));
        let high = _mm256_mul_pd(x, f.w);
        let low = _mm256_fmsub_pd(x, f.w, high);
        _mm256_add_pd(_mm256_fnmadd_pd(q, self.p, high), low)
    }

    /// a·b modulo p, of magnitude below p, for |a|, |b| < p.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn mul(&self, a: __m256d, b: __m256d) -> __m256d {
        let high = _mm256_mul_pd(a, b);
        let low = _mm256_fmsub_pd(a, b, high);
        let q = round(_mm256_mul_pd(high, self.reciprocal));
        _mm256_add_pd(_mm256_fnmadd_pd(q, self.p, high), low)
    }

    /// The factor w in each lane, |w| ≤ p/2, with its quotient from one more rounding than [`Factor::new`] has.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn factor(&self, w: __m256d) -> Factor {
        Factor { w, quotient: _mm256_mul_pd(w, self.reciprocal) }
    }

    /// x in [0, p), for x in (−p, p).
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn lift(&self, x: __m256d) -> __m256d {
        let is_negative = _mm256_cmp_pd::<_CMP_LT_OQ>(x, _mm256_setzero_pd());
        _mm256_add_pd(x, _mm256_and_pd(is_negative, self.p))
    }

    /// The residues x, as words, for x in (−p, p).
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn words(&self, x: __m256d) -> __m256i {
        to_words(self.lift(x))
    }

    /// high·2^52 + low modulo p, of magnitude below p, for high, low < 2^52.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn reduce_wide(&self, high: __m256i, low: __m256i) -> __m256d {
        self.reduce_digits(to_doubles(high), to_doubles(low))
    }

    /// The same for doubles.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn reduce_digits(&self, high: __m256d, low: __m256d) -> __m256d {
        // |high·2^52 mod p| ≤ p < 2^50 and low < 2^52: their sum is exact.
        self.reduce(_mm256_add_pd(self.times(high, self.wide), low))
    }

    /// a + b of residues.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn add_words(&self, a: __m256i, b: __m256i) -> __m256i {
        let sum = add(a, b);
        _mm256_sub_epi64(sum, _mm256_and_si256(_mm256_cmpgt_epi64(sum, self.below), self.word))
    }
}

/// A sum of products of residues, as words that have their upper and lower halves: the lower one signed.
#[derive(Clone, Copy)]
pub struct Sum {
    high: __m256i,
    low: __m256i,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn zero() -> Self {
        Self { high: zero(), low: zero() }
    }

    /// Adds a·b, for integers 0 ≤ a, b < 2^52; [`Sum::reduce`] is told how many there were.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn add_product(&mut self, a: __m256d, b: __m256d) {
        let far = splat_double(FAR);
        let high = _mm256_fmadd_pd(a, b, far);
        let low = _mm256_fmadd_pd(a, b, _mm256_sub_pd(far, high));
        let low = _mm256_add_pd(low, splat_double(MIDDLE));
        self.high = add(self.high, _mm256_castpd_si256(high));
        self.low = add(self.low, _mm256_castpd_si256(low));
    }

    /// The sum of `terms` products modulo p, of magnitude below p; `terms` at most [`most_terms`].
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub fn reduce(self, prime: &Prime, terms: usize) -> __m256d {
        // |low| ≤ terms·2^51 ≤ 2^61; with 2^62 more it is positive, and its upper bits are 2^10 too many.
        let terms = terms as u64;
        let low = add(self.low, splat((1u64 << 62).wrapping_sub(MIDDLE.to_bits().wrapping_mul(terms))));
        let carried = add(self.high, _mm256_srli_epi64::<52>(low));
        let high = add(carried, splat(0u64.wrapping_sub(1 << 10).wrapping_sub(FAR.to_bits().wrapping_mul(terms))));
        prime.reduce_wide(high, _mm256_and_si256(low, splat(MASK)))
    }
}

/// How many products of numbers up to `a` and `b` (below 2^50) a [`Sum`] holds. At least 15.
pub fn most_terms(a: u64, b: u64) -> usize {
    // Each upper half is at most ab/2^52 + ½, and the lower ones carry less than 2^10.
    let high = ((u128::from(a) * u128::from(b)) >> 52) + 1;
    (((1u128 << 52) - (1 << 10)) / high).min(1024) as usize
}

/// Below this, [`mul_u32`] multiplies residues.
pub const NARROW: u64 = 1 << 32;

/// How many products of numbers up to `a` and `b`, below [`NARROW`], a word holds.
pub fn most_narrow_terms(a: u64, b: u64) -> usize {
    usize::try_from(u64::MAX / (a * b).max(1)).unwrap_or(usize::MAX)
}

/// Any words modulo p, of magnitude below p.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub fn reduce_words(prime: &Prime, x: __m256i) -> __m256d {
    prime.reduce_wide(_mm256_srli_epi64::<52>(x), _mm256_and_si256(x, splat(MASK)))
}
