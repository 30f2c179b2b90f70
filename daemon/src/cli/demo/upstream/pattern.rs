//! The bytes that the upstream serves: a stream without end that anybody can compute again.
//!
//! Word `n` of the stream is SplitMix64's output for state `n`, least byte first. `GET /bytes/N`
//! answers with its first N bytes, so a reader can check each byte at its place, and a byte that
//! was lost, doubled or moved is seen at once.

/// Fills `out` with the stream's bytes from `offset` on.
pub(crate) fn fill(offset: u64, out: &mut [u8]) {
    let mut word = offset / 8;
    let lead = usize::try_from(offset % 8).unwrap_or(0);
    let (first, rest) = out.split_at_mut(out.len().min((8 - lead) % 8));
    if !first.is_empty() {
        copy(first, mix(word).to_le_bytes().get(lead..).unwrap_or_default());
        word += 1;
    }
    for chunk in rest.chunks_mut(8) {
        copy(chunk, &mix(word).to_le_bytes());
        word += 1;
    }
}

/// Copies as much as both sides have.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): one multiplication-and-shift hash of a counter.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_is_a_piece_of_the_whole() {
        let mut whole = vec![0; 100];
        fill(0, &mut whole);
        // The first output of SplitMix64 seeded with zero.
        assert_eq!(&whole[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
        for start in 0..100_usize {
            for end in start..=100 {
                let mut piece = vec![0; end - start];
                fill(u64::try_from(start).unwrap(), &mut piece);
                assert_eq!(piece, &whole[start..end], "{start}..{end}");
            }
        }
    }
}
