//! Eight residues at a time.

use std::arch::x86_64::*;

use crate::kernels::Modulus;

/// Eight neighbouring words.
pub type Row = [u64; 8];

#[inline]
#[target_feature(enable = "avx512f")]
pub fn load(row: &Row) -> __m512i {
    // SAFETY: both types are 64 bytes of which every pattern is valid. (The load intrinsic goes through a copy whose debug checks
    // keep vectors out of registers.)
    unsafe { std::mem::transmute::<Row, __m512i>(*row) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn store(row: &mut Row, v: __m512i) {
    // SAFETY: as for `load`.
    *row = unsafe { std::mem::transmute::<__m512i, Row>(v) };
}

/// [`store`] that leaves the caches to others. Needs a fence before another thread reads.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn store_past_caches(row: &mut Row, v: __m512i) {
    let to = row.as_mut_ptr();
    if to.addr().is_multiple_of(64) {
        // SAFETY: 64 writable bytes, on a boundary of 64.
        unsafe { _mm512_stream_si512(to.cast(), v) }
    } else {
        store(row, v);
    }
}

/// Asks for a line of memory that will be read soon.
#[inline]
pub fn prefetch(row: &Row) {
    // SAFETY: the instruction reads nothing that the program sees, and the address is that of a reference.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(row.as_ptr().cast()) }
}

/// Up to eight words in the lowest lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn load_part<const WORDS: usize>(words: &[u64; WORDS]) -> __m512i {
    let mask = ((1u32 << WORDS) - 1) as __mmask8;
    // SAFETY: lanes that the mask leaves out are not read, and the others are the words of the reference.
    unsafe { _mm512_maskz_loadu_epi64(mask, words.as_ptr().cast()) }
}

/// Eight words of four bytes each.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn load_u32(words: &[u64; 4]) -> __m512i {
    // SAFETY: both types are 32 bytes of which every pattern is valid.
    _mm512_cvtepu32_epi64(unsafe { std::mem::transmute::<[u64; 4], __m256i>(*words) })
}

/// Eight words of one byte each.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn load_bytes(bytes: &[u8; 8]) -> __m512i {
    _mm512_cvtepu8_epi64(_mm_set_epi64x(0, i64::from_le_bytes(*bytes)))
}

/// Words whose bits follow one another without gaps, the lowest first, 64 of them at a time: as many words as one has bits.
pub struct Packed {
    /// Bits of a word, 32 to 57.
    pub bits: usize,
    /// For each of eight words the eight bytes in which it begins, of the 64 from where the first begins.
    places: __m512i,
    /// The same for the last eight, of the last 64 bytes.
    last: __m512i,
    /// At which bit of them it begins.
    shifts: __m512i,
    ones: __m512i,
}

impl Packed {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn new(bits: usize) -> Self {
        assert!((32..=57).contains(&bits));
        let (mut places, mut shifts) = ([0; 8], [0; 8]);
        for lane in 0..8 {
            places[lane] = u64::from_le_bytes(std::array::from_fn(|k| (lane * bits / 8 + k) as u8));
            shifts[lane] = (lane * bits % 8) as u64;
        }
        let places = load(&places);
        // Bytes from 64 on are not looked up as such, but a word's own are all below.
        let last = _mm512_add_epi8(places, _mm512_set1_epi8(64 - bits as i8));
        Self { bits, places, last, shifts: load(&shifts), ones: splat((1 << bits) - 1) }
    }

    /// The k-th eight words.
    ///
    /// # Panics
    /// If these are not 64 words, or k is not below eight.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub fn load(&self, words: &[u64], k: usize) -> __m512i {
        assert!(words.len() == self.bits && k < 8);
        let bytes: &[u8] = bytemuck::cast_slice(words);
        // The last ones' 64 bytes are the last there are.
        let (start, places) = if k < 7 { (k * self.bits, self.places) } else { (bytes.len() - 64, self.last) };
        // SAFETY: both types are 64 bytes of which every pattern is valid.
        let bytes = unsafe { std::mem::transmute::<[u8; 64], __m512i>(bytes[start..].as_chunks().0[0]) };
        let words = _mm512_srlv_epi64(_mm512_permutexvar_epi8(places, bytes), self.shifts);
        _mm512_and_si512(words, self.ones)
    }
}

// Closures handed to the standard library's array functions do not inline into functions with target features: hence loops.

/// Eight vectors.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn load_rows(rows: &[Row; 8]) -> [__m512i; 8] {
    let mut x = [_mm512_setzero_si512(); 8];
    for k in 0..8 {
        x[k] = load(&rows[k]);
    }
    x
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn store_rows(rows: &mut [Row; 8], x: [__m512i; 8]) {
    for k in 0..8 {
        store(&mut rows[k], x[k]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn splat(word: u64) -> __m512i {
    _mm512_set1_epi64(word as i64)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub fn sub(a: __m512i, b: __m512i) -> __m512i {
    _mm512_sub_epi64(a, b)
}

/// `acc` plus the upper 52 bits of the product of the lower 52 bits of `a` and `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn add_high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52hi_epu64(acc, a, b)
}

/// `acc` plus the lower 52 bits of the product of the lower 52 bits of `a` and `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub fn add_low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_madd52lo_epu64(acc, a, b)
}

/// x − b where that is not negative, else x, for x, b < 2^52: with x < 2b a reduction modulo b.
///
/// The minimum of 64-bit integers shares its two execution units with the multiplier; that of doubles does not. Words below 2^52 are
/// ordered alike as doubles (zero and subnormal numbers), and a negative difference is a NaN, for which the instruction returns
/// its second operand.
#[inline]
#[target_feature(enable = "avx512f")]
pub fn reduce_once(x: __m512i, b: __m512i) -> __m512i {
    let difference = _mm512_castsi512_pd(sub(x, b));
    _mm512_castpd_si512(_mm512_min_pd(difference, _mm512_castsi512_pd(x)))
}

/// A prime in every lane, with what reductions need.
#[derive(Clone, Copy)]
pub struct Prime {
    pub p: __m512i,
    pub two_p: __m512i,
    /// 2^52 − p.
    pub minus_p: __m512i,
    /// 2^52 − 1.
    pub mask: __m512i,
    /// floor(2^52/p).
    pub ratio: __m512i,
    /// floor((2^52 mod p)·2^52/p).
    pub fraction: __m512i,
    /// True if numbers below 5p fit 52 bits.
    five_fit: bool,
}

impl Prime {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn new(m: &Modulus) -> Self {
        let p = m.value();
        Self {
            p: splat(p),
            two_p: splat(2 * p),
            minus_p: splat((1 << 52) - p),
            mask: splat((1 << 52) - 1),
            ratio: splat((1 << 52) / p),
            fraction: splat(m.shoup52((1 << 52) % p)),
            five_fit: 5 * p <= 1 << 52,
        }
    }

    /// x·w in the lower 52 bits, in [0, 2p) there, for x < 2^52 in the lower 52 bits of `x`; the upper 12 bits are not defined.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn times_unmasked(&self, x: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        let q = add_high(zero, x, quotient);
        add_low(add_low(zero, x, w), q, self.minus_p)
    }

    /// x·w in [0, 2p).
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn times_lazy(&self, x: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        _mm512_and_si512(self.times_unmasked(x, w, quotient), self.mask)
    }

    /// x·w mod p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn times(&self, x: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        reduce_once(self.times_lazy(x, w, quotient), self.p)
    }

    /// x in [0, 2p), in the lower 52 bits, for x < 2^52 in the lower 52 bits of `x`; the upper 12 bits are not defined.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_unmasked(&self, x: __m512i) -> __m512i {
        let q = add_high(_mm512_setzero_si512(), x, self.ratio);
        add_low(x, q, self.minus_p)
    }

    /// x in [0, 2p) for x < 2^52 in the lower 52 bits of `x`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_lazy(&self, x: __m512i) -> __m512i {
        _mm512_and_si512(self.reduce_unmasked(x), self.mask)
    }

    /// The factor w that belongs to floor(w·2^52/p): ceil(quotient·p/2^52), for w ≠ 0.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn factor_of(&self, quotient: __m512i, one: __m512i) -> __m512i {
        add_high(one, quotient, self.p)
    }

    /// high·2^52 + low, in [0, 4p) in the lower 52 bits, for high, low < 2^52; the upper 12 bits are not defined.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_wide_unmasked(&self, high: __m512i, low: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        // The two truncated constants and the two truncated products lose less than one each: x/p − 4 < q ≤ x/p, r < 4p.
        let q = add_high(add_high(add_low(zero, high, self.ratio), high, self.fraction), low, self.ratio);
        add_low(low, q, self.minus_p)
    }

    /// high·2^52 + low mod p for high, low < 2^52.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_wide(&self, high: __m512i, low: __m512i) -> __m512i {
        self.reduce_fourfold(self.reduce_wide_unmasked(high, low))
    }

    /// x mod p for x in [0, 4p) in the lower 52 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_fourfold(&self, x: __m512i) -> __m512i {
        reduce_once(reduce_once(_mm512_and_si512(x, self.mask), self.two_p), self.p)
    }

    /// (x − y)·w mod p for x in [0, 4p) in the lower 52 bits and y < p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn times_difference(&self, x: __m512i, y: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        let x = if self.five_fit { x } else { self.reduce_fourfold(x) };
        self.times(sub(add(x, self.p), y), w, quotient)
    }

    /// a·b in [0, 4p) in the lower 52 bits; the upper 12 bits are not defined.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn mul_unmasked(&self, a: __m512i, b: __m512i) -> __m512i {
        let zero = _mm512_setzero_si512();
        self.reduce_wide_unmasked(add_high(zero, a, b), add_low(zero, a, b))
    }

    /// a·b mod p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn mul(&self, a: __m512i, b: __m512i) -> __m512i {
        self.reduce_fourfold(self.mul_unmasked(a, b))
    }
}

/// A sum of products, its halves in separate words: as many terms as [`most_terms`] says, then a reduction.
#[derive(Clone, Copy)]
pub struct Sum {
    high: __m512i,
    low: __m512i,
}

impl Sum {
    /// The sum that starts with residues below 2^52.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn from(residues: __m512i) -> Self {
        Self { high: _mm512_setzero_si512(), low: residues }
    }

    /// Adds a·b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn add_product(&mut self, a: __m512i, b: __m512i) {
        self.high = add_high(self.high, a, b);
        self.low = add_low(self.low, a, b);
    }

    /// Adds any word; 4094 of them at most.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn add_word(&mut self, prime: &Prime, word: __m512i) {
        self.high = add(self.high, _mm512_srli_epi64::<52>(word));
        self.low = add(self.low, _mm512_and_si512(word, prime.mask));
    }

    /// The residues.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce(self, prime: &Prime) -> __m512i {
        prime.reduce_fourfold(self.reduce_unmasked(prime))
    }

    /// The sum in [0, 4p) in the lower 52 bits; the upper 12 bits are not defined.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub fn reduce_unmasked(self, prime: &Prime) -> __m512i {
        // The halves have grown above 52 bits: low < 2^64, high + 2^12 ≤ 2^52.
        let high = add(self.high, _mm512_srli_epi64::<52>(self.low));
        prime.reduce_wide_unmasked(high, _mm512_and_si512(self.low, prime.mask))
    }
}

/// How many products of numbers up to `a` and `b` (below 2^50) a [`Sum`] holds: the upper halves and the carry of the lower ones
/// stay below 2^52, the lower ones below 2^64. At least 15.
pub fn most_terms(a: u64, b: u64) -> usize {
    let high = (u128::from(a) * u128::from(b)) >> 52;
    let terms = ((1u128 << 52) - (1 << 12)) / high.max(1);
    terms.min(4094) as usize
}

/// How many products of residues modulo p < 2^32 a word holds.
pub fn most_narrow_terms(p: u64) -> usize {
    usize::try_from(u64::MAX / (p * p)).unwrap_or(usize::MAX)
}
