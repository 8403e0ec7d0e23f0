/**
 * Numbers as Python reads and writes them, because Graphite's protocols and answers are Python's own texts.
 *
 * `float()` accepts `1`, `.5`, `1e3`, `+inf`, `Infinity`, `nan` and underscores between digits; `repr()` gives the shortest
 * text that reads back the same, with a point or an exponent always there (`1.0`, `1e+16`); `%g` gives six digits.
 */

const decimal = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const named = /^([+-]?)(?:(inf|infinity)|nan)$/i;

/** What Python's `float(text)` gives, or undefined where it raises. Surrounding blanks are allowed. */
export function parseFloatText(text: string): number | undefined {
  // The common case: an integer or plain decimal, decided without a regular expression.
  let plain = text.length > 0 && text.length < 18;
  let points = 0;
  for (let index = 0; plain && index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 46) points++;
    else if (code === 45) plain = index === 0 && text.length > 1;
    else if (code < 48 || code > 57) plain = false;
  }
  if (plain && points < 2) {
    const value = Number(text);
    if (value === value) return value;
  }
  const trimmed = text.trim();
  if (trimmed.length < 400 && decimal.test(trimmed)) return Number(trimmed.replaceAll("_", ""));
  const found = named.exec(trimmed);
  if (found === null) return undefined;
  if (found[2] === undefined) return Number.NaN;
  return found[1] === "-" ? -Infinity : Infinity;
}

function exponentText(exponent: number): string {
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `e${exponent < 0 ? "-" : "+"}${digits}`;
}

/** Python's `repr` of a float: `1.0`, `0.0001`, `1e-05`, `1e+16`, `inf`, `nan`. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (value === Infinity) return "inf";
  if (value === -Infinity) return "-inf";
  if (Object.is(value, -0)) return "-0.0";
  if (value === 0) return "0.0";
  const size = Math.abs(value);
  // Within these bounds both languages write the same digits without an exponent.
  if (size < 1e16 && size >= 1e-4) return Number.isInteger(value) ? `${value}.0` : `${value}`;
  const [mantissa = "0", exponentPart = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentPart);
  if (exponent < -4 || exponent >= 16) return mantissa + exponentText(exponent);
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Python's `'%g' % value`: six significant digits without trailing zeros. */
export function formatGeneral(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  let [mantissa = "0", exponentPart = "0"] = value.toExponential(5).split("e");
  // A tie goes to the even digit, where toExponential goes up. A number near a tie differs from it within 20 digits.
  const exact = value.toExponential(20);
  const point = exact.indexOf(".");
  if (/^-?\d\.\d{5}50*e/.test(exact) && Number(exact.charAt(point + 5)) % 2 === 0) {
    mantissa = exact.slice(0, point + 6);
    exponentPart = exact.slice(exact.indexOf("e") + 1);
  }
  const exponent = Number(exponentPart);
  if (exponent < -4 || exponent >= 6) return mantissa.replace(/\.?0+$/, "") + exponentText(exponent);
  const fixed = Number(`${mantissa}e${exponent}`).toFixed(Math.max(0, 5 - exponent));
  return fixed.includes(".") ? fixed.replace(/0+$/, "").replace(/\.$/, "") : fixed;
}

/**
 * Python's `round(value, digits)`: the decimal nearest to the exact binary value, a tie to the even digit. Digits may be
 * negative, for tens and hundreds.
 */
export function roundTo(value: number, digits: number): number {
  if (!Number.isFinite(value) || value === 0 || digits > 22) return value;
  const size = Math.abs(value);
  if (digits < 0) {
    const rounded = roundToUnit(size, -digits);
    return value < 0 ? -rounded : rounded;
  }
  if (Number.isInteger(value)) return value;
  const scale = 10 ** digits;
  const scaled = size * scale;
  const floor = Math.floor(scaled);
  let rounded: number;
  // Far from a tie, by more than the product may be wrong, any way of rounding agrees; near one, the exact value decides.
  if (Math.abs(scaled - floor - 0.5) > 1e-6 + scaled * 2 ** -51 && scaled < 2 ** 46)
    rounded = Math.round(scaled) / scale;
  else rounded = evenTie(size, digits) ?? Number(size.toFixed(digits));
  return value < 0 ? -rounded : rounded;
}

/** The nearest multiple of 10^zeros, a tie to the even one. */
function roundToUnit(size: number, zeros: number): number {
  if (zeros > 309) return 0;
  const whole = Math.trunc(size);
  const unit = 10n ** BigInt(zeros);
  const quotient = BigInt(whole) / unit;
  const twice = (BigInt(whole) % unit) * 2n;
  const isUp = twice > unit || (twice === unit && (size > whole || quotient % 2n === 1n));
  return Number((isUp ? quotient + 1n : quotient) * unit);
}

/** What a value is cut down to when it lies exactly between two decimals and the lower one is even; undefined otherwise. */
function evenTie(value: number, digits: number): number | undefined {
  // Doubles near a tie of few digits have far fewer than 80 decimals, so this text is exact.
  const text = value.toFixed(Math.min(100, digits + 60));
  const end = text.indexOf(".") + 1 + digits;
  if (!/^50*$/.test(text.slice(end))) return undefined;
  const cut = digits === 0 ? text.slice(0, end - 1) : text.slice(0, end);
  return Number(cut.at(-1)) % 2 === 0 ? Number(cut) : undefined;
}
