// Numbers and arrays as they cross: hexadecimal, which Rust by itself neither reads nor writes; exact for every double.

/// Reads `0x1.8p+1`, with up to 13 digits behind the point, or `inf`, `-inf`, `nan`.
pub fn number(text: &str) -> f64 {
    let (sign, size) = text.strip_prefix('-').map_or((1.0, text), |size| (-1.0, size));
    let Some((digits, exponent)) = size.split_once('p') else { return sign * size.parse::<f64>().unwrap() };
    let (one, fraction) = digits[2..].split_once('.').unwrap_or((&digits[2..], ""));
    let whole = u64::from_str_radix(&format!("{one}{fraction}"), 16).unwrap() as f64;
    let exponent = exponent.parse::<i32>().unwrap() - 4 * fraction.len() as i32;
    sign * whole * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2) // in two, for one may underflow
}

/// Reads `[["0x1.8000000000000p+1",...],null,[]]`, where null is no gradient.
pub fn arrays(text: &str) -> Vec<Option<Vec<f64>>> {
    let (mut rest, mut all) = (&text[1..], vec![]);
    while !rest.starts_with(']') {
        let array = rest.strip_prefix('[').map(|inside| inside.split(']').next().unwrap());
        all.push(array.map(|a| a.split(',').filter(|x| !x.is_empty()).map(|x| number(x.trim_matches('"'))).collect()));
        rest = rest[array.map_or("null".len(), |a| a.len() + 2)..].trim_start_matches(',');
    }
    all
}

/// Writes one array.
pub fn written(array: &[f64]) -> String {
    list(array, |&x| {
        let (sign, bits) = (if x.is_sign_negative() { "-" } else { "" }, x.abs().to_bits());
        let (one, exponent) = if bits >> 52 == 0 { (0, -1022) } else { (1, (bits >> 52) as i64 - 1023) };
        let hexadecimal = format!("{sign}0x{one}.{:013x}p{exponent}", bits & (!0 >> 12));
        format!("\"{}\"", if x.is_finite() { hexadecimal } else { x.to_string() })
    })
}

/// Writes a list of things, each as it is told.
pub fn list<T>(things: &[T], each: impl Fn(&T) -> String) -> String {
    format!("[{}]", things.iter().map(each).collect::<Vec<_>>().join(","))
}
