/**
 * The one file of an upload form: the part named `file`. Services that store a file take exactly one, and know only at the
 * form's end that there was no second.
 */
import { Fault } from "../fault.ts";
import type { MultipartPart } from "./multipart.ts";

/**
 * The part named `file`, whose body ends only after the rest of the form was seen and held no second one.
 * Faults: `<service>/no-file`, and from the body `<service>/several-files` (both invalid).
 */
export async function onlyFile(parts: AsyncGenerator<MultipartPart>, service: string): Promise<MultipartPart> {
  const first = await nextFile(parts);
  if (!first) {
    throw new Fault("invalid", `${service}/no-file`, 'Cannot store a file: the form has no part named "file"');
  }
  return { ...first, body: toTheEnd(first, parts, service) };
}

async function nextFile(parts: AsyncGenerator<MultipartPart>): Promise<MultipartPart | undefined> {
  while (true) {
    const next = await parts.next();
    if (next.done) return undefined;
    if (next.value.name === "file") return next.value;
  }
}

async function* toTheEnd(
  part: MultipartPart,
  parts: AsyncGenerator<MultipartPart>,
  service: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    yield* part.body;
    if (await nextFile(parts)) {
      throw new Fault(
        "invalid",
        `${service}/several-files`,
        'Cannot store the form: it has several parts named "file"',
      );
    }
  } finally {
    await parts.return(undefined);
  }
}
