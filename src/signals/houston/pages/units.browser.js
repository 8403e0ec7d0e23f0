/** Numbers of charts as people read them, by the unit that a graph says. Pure. */

/** @param {number} value @param {readonly string[]} names @param {number} step @param {string} gap */
function scaled(value, names, step, gap) {
  const size = Math.abs(value);
  let at = 0;
  if (size >= step ** names.length * 10) return `${value.toExponential(2)}${gap}${names[0] ?? ""}`.trimEnd();
  while (at < names.length - 1 && size / step ** at >= step * 0.9995) at++;
  const small = size / step ** at;
  const name = names[at] ?? "";
  return `${plain(value < 0 ? -small : small)}${name === "" ? "" : gap}${name}`;
}

/** At most four significant digits, without zeros at the end. @param {number} value */
export function plain(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4) return value.toExponential(1);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return String(Number(size < 1 ? value.toPrecision(3) : value.toFixed(digits)));
}

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const decimal = ["", "k", "M", "G", "T"];

/** @param {number} seconds */
function span(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${plain(seconds * 1e6)} µs`;
  if (size < 1) return `${plain(seconds * 1e3)} ms`;
  if (size < 120) return `${plain(seconds)} s`;
  if (size < 7200) return `${plain(seconds / 60)} min`;
  return size < 172_800 ? `${plain(seconds / 3600)} h` : `${plain(seconds / 86_400)} d`;
}

/** @param {string} unit @returns {(value: number) => string} */
export function formatOf(unit) {
  switch (unit) {
    case "percent":
      return (value) => `${plain(value)} %`;
    case "bytes":
      return (value) => scaled(value, binary, 1024, " ");
    case "bytes-per-second":
      return (value) => `${scaled(value, binary, 1024, " ")}/s`;
    case "bits-per-second":
      return (value) => `${scaled(value, ["bit", "kbit", "Mbit", "Gbit", "Tbit"], 1000, " ")}/s`;
    case "seconds":
      return span;
    case "milliseconds":
      return (value) => span(value / 1000);
    case "per-second":
      return (value) => `${scaled(value, decimal, 1000, "")}/s`;
    default:
      return (value) => scaled(value, decimal, 1000, "");
  }
}

/** Distances between the lines of an axis that read well in a unit; undefined leaves them to the chart. @param {string} unit */
export function stepsOf(unit) {
  if (!unit.startsWith("bytes")) return undefined;
  return Array.from({ length: 60 }, (_, power) => 2 ** power);
}
