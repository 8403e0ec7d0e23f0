/**
 * `warren reticulum url`: the URL of an image at a size, for scripts and for sending on. With a key it is signed here; the
 * node is asked only for what it alone knows.
 */
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { formatSizeSpec, parseSizeSpec } from "../../lib/resize/size-spec.ts";
import { digestOf } from "../cask/client.ts";
import type { VerbContext } from "./commands.ts";
import { imageKey } from "./commands-look.ts";
import { imagePath, parsePixelRatio } from "./image-url.ts";
import { keyInFile } from "./key-file.ts";
import { signPath } from "./signing.ts";

/** What the verb was given. */
export interface UrlFlags {
  isSignedByNode: boolean;
  name?: string;
  pixelRatio?: string;
  expiresInMs?: number;
  keyFile?: string;
  key?: string;
}

/** Prints the URL. */
export async function urlVerb(
  { baseUrls, client, screen }: VerbContext,
  word: string,
  size: string,
  flags: UrlFlags,
): Promise<number> {
  const key = imageKey(word);
  const spec = parseSizeSpec(size);
  if (spec === undefined)
    throw new Fault(
      "invalid",
      "reticulum/size",
      `Cannot read the size "${size.slice(0, 60)}": wanted full, 100s, 200w, 100h or 200w100h`,
    );
  const ratio = parsePixelRatio(flags.pixelRatio ?? null);
  if (ratio === undefined)
    throw new Fault("invalid", "reticulum/dpr", "Cannot read --dpr: wanted a number from 1 to 4, with one decimal");
  const signingKey = flags.keyFile === undefined ? flags.key : await keyInFile(flags.keyFile);
  if (flags.expiresInMs !== undefined && signingKey === undefined && !flags.isSignedByNode)
    throw new Fault("invalid", "command/flag", "Cannot use --expires-in without a signature: wanted a key, or --sign");
  const name = flags.name ?? `image.${(await client.facts(key)).extension}`;
  if (!/^[^/?#\s]+\.\w+$/.test(name))
    throw new Fault(
      "invalid",
      "command/flag",
      `Cannot use --name ${name}: wanted a name with an ending, such as photo.jpg`,
    );
  const path = `${imagePath(digestOf(key), spec, name)}${ratio === 1 ? "" : `?dpr=${ratio}`}`;
  const [base = ""] = baseUrls.map((url) => url.replace(/\/+$/, ""));
  if (signingKey !== undefined) {
    const expiresAt = flags.expiresInMs === undefined ? undefined : systemClock.now() + flags.expiresInMs;
    screen.print(`${base}${signPath(path, [signingKey], expiresAt)}`);
  } else if (flags.isSignedByNode) {
    const options = flags.expiresInMs === undefined ? {} : { expiresInSeconds: flags.expiresInMs / 1000 };
    screen.print(new URL(await client.sign(path, options), base).href);
  } else screen.print(`${base}${path}`);
  if (formatSizeSpec(spec) !== size) screen.note(`${size} means ${formatSizeSpec(spec)}`);
  return 0;
}
