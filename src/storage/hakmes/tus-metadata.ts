/**
 * What a client of tus says of a file: the `Upload-Metadata` header, a list of names with values in base64. It is kept as it
 * came, for the protocol wants it back unchanged; what of it becomes the file's label is decided here and never refused,
 * as a strange name is no reason to lose an upload.
 * Source: tus 1.0.0, extension creation.
 */
import { Fault } from "../../kit/fault.ts";
import { type FileLabel, labelOf } from "./record.ts";

/** The longest header taken, in characters. */
export const metadataMaxLength = 4096;
/** The most names in one header. */
const namesMax = 32;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The names of an `Upload-Metadata` header with their values. Fault: `hakmes/tus-metadata` (invalid). */
export function parseMetadata(header: string): Map<string, Uint8Array> {
  if (header.length > metadataMaxLength) throw badMetadata(`it has more than ${metadataMaxLength} characters`);
  const result = new Map<string, Uint8Array>();
  if (header.trim() === "") return result;
  for (const pair of header.split(",")) {
    const [name = "", value = "", ...more] = pair.trim().split(/ +/);
    if (!/^[\x21-\x7e]{1,255}$/.test(name)) throw badMetadata("each name is to be 1 to 255 visible ASCII characters");
    if (more.length > 0 || !base64.test(value)) throw badMetadata(`the value of "${name}" is not base64`);
    if (result.has(name)) throw badMetadata(`"${name}" comes twice`);
    result.set(name, Buffer.from(value, "base64"));
    if (result.size > namesMax) throw badMetadata(`it has more than ${namesMax} names`);
  }
  return result;
}

/** The label of the file that a header describes: `filename` or `name`, `filetype` or `type`; unusable ones count as not given. */
export function labelIn(header: string): FileLabel {
  const metadata = parseMetadata(header);
  return labelOf({
    name: textIn(metadata, "filename") ?? textIn(metadata, "name"),
    mimetype: textIn(metadata, "filetype") ?? textIn(metadata, "type"),
  });
}

/** What is readable of a header, for people and programs. */
export function readableMetadata(header: string): Record<string, string> {
  const metadata = parseMetadata(header);
  const names = [...metadata.keys()];
  return Object.fromEntries(names.flatMap((name) => [[name, textIn(metadata, name) ?? ""]]));
}

/** A value as text; undefined when there is none, or its bytes are not UTF-8. */
function textIn(metadata: ReadonlyMap<string, Uint8Array>, name: string): string | undefined {
  const bytes = metadata.get(name);
  if (bytes === undefined) return undefined;
  const text = new TextDecoder("utf-8").decode(bytes);
  return text.includes("\ufffd") ? undefined : text;
}

function badMetadata(why: string): Fault {
  return new Fault("invalid", "hakmes/tus-metadata", `Cannot read Upload-Metadata: ${why}`);
}
