/**
 * The words around a part of a form: the boundary in a request's Content-Type, and the header fields of a part.
 * Names are read as their writers wrote them: browsers put `%22`, `%0D` and `%0A` for a quote and line breaks, older
 * ones and curl a backslash; `filename*` (RFC 5987) wins over `filename`.
 */
import { Fault } from "../fault.ts";

/** What the head of a part says. */
export interface PartHead {
  name: string;
  filename: string | undefined;
  contentType: string;
}

/** A media type or disposition and its parameters; names in lower case. */
export interface HeaderValue {
  value: string;
  parameters: Map<string, string>;
}

/** Reads `value; name=text; name="quoted"`. Undefined when it is not of that form or a parameter stands twice. */
export function parseHeaderValue(text: string): HeaderValue | undefined {
  const start = /^\s*([^\s;"=]+)\s*(?=;|$)/.exec(text);
  if (!start) return undefined;
  const parameters = new Map<string, string>();
  const parameter = /;\s*(?:([^\s;"=]+)\s*=\s*(?:"((?:[^"\\]|\\[^])*)"|([^\s;"]*))\s*)?(?=;|$)/y;
  let at = start[0].length;
  while (at < text.length) {
    parameter.lastIndex = at;
    const found = parameter.exec(text);
    if (!found) return undefined;
    at = parameter.lastIndex;
    if (found[1] === undefined) continue;
    const name = found[1].toLowerCase();
    if (parameters.has(name)) return undefined;
    // A backslash escapes quote and backslash only: anything else is a path as written on Windows.
    parameters.set(name, found[2] === undefined ? (found[3] ?? "") : found[2].replace(/\\(["\\])/g, "$1"));
  }
  return { value: (start[1] ?? "").toLowerCase(), parameters };
}

/** The boundary of a form. Faults: `http/not-multipart` (the type is another), `http/boundary-missing` (no usable boundary). */
export function boundaryOf(contentType: string | null): string {
  const type = contentType === null ? undefined : parseHeaderValue(contentType);
  if (type?.value !== "multipart/form-data" && !/^\s*multipart\/form-data\b/i.test(contentType ?? "")) {
    throw new Fault(
      "invalid",
      "http/not-multipart",
      `Cannot take the form: its Content-Type is ${contentType === null ? "missing" : `"${contentType}"`}, wanted is multipart/form-data`,
    );
  }
  const boundary = type?.parameters.get("boundary");
  if (boundary === undefined || !/^[\x20-\x7e]{1,70}$/.test(boundary) || boundary.endsWith(" ")) {
    throw new Fault(
      "invalid",
      "http/boundary-missing",
      "Cannot take the form: its Content-Type has no boundary of 1 to 70 characters",
    );
  }
  return boundary;
}

/** Reads the head of a part: lines without the empty one at the end. Fault: `http/multipart-malformed`. */
export function parsePartHead(text: string): PartHead {
  const fields = new Map<string, string>();
  for (const line of text.replace(/\r\n[ \t]+/g, " ").split("\r\n")) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    if (colon < 1) throw malformed(`"${shortened(line)}" is no header line`);
    fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const given = fields.get("content-disposition");
  const disposition = given === undefined ? undefined : parseHeaderValue(given);
  if (disposition?.value !== "form-data") {
    throw malformed(
      given === undefined ? "a part has no Content-Disposition" : `"${shortened(given)}" is no form-data disposition`,
    );
  }
  const name = disposition.parameters.get("name");
  if (name === undefined || name === "") throw malformed("a part has no name");
  const encoding = fields.get("content-transfer-encoding")?.toLowerCase() ?? "binary";
  if (!["binary", "8bit", "7bit"].includes(encoding)) {
    throw malformed(`part "${shortened(name)}" is encoded as ${shortened(encoding)}, wanted is binary`);
  }
  const filename = filenameOf(disposition.parameters);
  return {
    name: unescaped(name),
    filename,
    contentType: fields.get("content-type") || (filename === undefined ? "text/plain" : "application/octet-stream"),
  };
}

function filenameOf(parameters: Map<string, string>): string | undefined {
  const plain = parameters.get("filename");
  const extended = parameters.get("filename*");
  const filename =
    (extended === undefined ? undefined : decodeExtended(extended)) ??
    (plain === undefined ? undefined : unescaped(plain));
  // Some senders write whole paths, with either slash.
  return filename?.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
}

function unescaped(text: string): string {
  return text.replace(/%(22|0d|0a)/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** `charset'language'percent-encoded`; undefined when it cannot be read. */
function decodeExtended(text: string): string | undefined {
  const found = /^(utf-8|iso-8859-1)'[^']*'([^\s]*)$/i.exec(text);
  if (!found) return undefined;
  const latin = (found[2] ?? "").replace(/%([0-9a-f]{2})/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return found[1]?.toLowerCase() === "utf-8" ? Buffer.from(latin, "latin1").toString("utf8") : latin;
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function malformed(reason: string): Fault {
  return new Fault("invalid", "http/multipart-malformed", `Cannot take the form: ${reason}`);
}
