// Numbers in hexadecimal, which JavaScript by itself neither reads nor writes; exact for every double.
const bits = new DataView(new ArrayBuffer(8));

export function read(text) {
  if (!text.includes("x")) return { nan: NaN, inf: Infinity, "-inf": -Infinity }[text];
  const [, sign, one, digits, exponent] = /^(-?)0x(.)\.(.*)p(.*)$/.exec(text);
  return (sign ? -1 : 1) * parseInt(one + digits, 16) * 2 ** (exponent - 4 * digits.length);
}

export function written(number) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : number < 0 ? "-inf" : "inf";
  bits.setFloat64(0, number);
  const [high, low] = [bits.getUint32(0), bits.getUint32(4)], exponent = (high >>> 20) & 0x7ff;
  const digits = (high & 0xfffff).toString(16).padStart(5, "0") + low.toString(16).padStart(8, "0");
  return `${high >>> 31 ? "-" : ""}0x${exponent ? 1 : 0}.${digits}p${(exponent || 1) - 1023}`;
}
