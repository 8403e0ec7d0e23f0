/**
 * What the page of one image shows: what is known of it, the size that its form asks for, with what comes of it, and the
 * usual ones. A size that cannot be made is told in its place; the rest of the page stands.
 */
import { Fault } from "../../kit/fault.ts";
import type { Caller } from "../../kit/service.ts";
import { targetOf } from "../../lib/resize/geometry.ts";
import { formatSizeSpec, parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import { type ImageFormat, imageFormats } from "./engine.ts";
import { extensionOf, parsePixelRatio } from "./image-url.ts";
import type { KnownImage } from "./known-images.ts";
import type { ImageView, PictureView, TrialView } from "./pages/view.ts";
import { blurHashPicture, thumbHashPicture } from "./placeholder.ts";
import { sourceSet } from "./source-set.ts";
import type { ViewParts } from "./views.ts";

/** The picture that is clicked on is no larger than this, so that no screen makes it smaller. */
const clickable = { kind: "box", width: 320, height: 320 } as const;
const square = { kind: "square", side: 100 } as const;
const usual = ["100s", "200s", "100w", "100h", "200w100h"];
/** Up to this width an image is shown at first. */
const firstWidth = 640;

/** What the page shows. Faults: those of reading and decoding the original. */
export async function imageView(
  parts: ViewParts,
  image: KnownImage,
  caller: Caller,
  request: Request,
): Promise<ImageView> {
  const { clock, mountPath, noEnlarge, urls } = parts;
  const info = await parts.info(image, caller, request.signal);
  const { hash, height, width } = info;
  const source = { width, height };
  const filename = `${fileName(image.name)}.${info.extension}`;
  const now = clock.now();
  const version = info.focus === null ? undefined : `${info.focus.x}-${info.focus.y}`;
  const mayWrite = caller.may("write");
  const mayTry = (spec: SizeSpec) => urls.isFree(spec) || (mayWrite && urls.canShow(spec));

  const pictureOf = (spec: SizeSpec, isFine = true): PictureView | undefined => {
    if (!urls.canShow(spec)) return undefined;
    const wanted = {
      hash,
      spec,
      filename,
      ...(spec.kind === "square" && version !== undefined ? { version } : {}),
    };
    const size = targetOf(spec, source, { noEnlarge });
    return {
      src: urls.shown(wanted, now),
      fineSrc: isFine ? urls.shown({ ...wanted, pixelRatio: 2 }, now) : undefined,
      width: size.width,
      height: size.height,
    };
  };

  const formats = parts.convert
    ? [info.format, ...imageFormats.filter((format) => format !== info.format)]
    : [info.format];
  const query = new URL(request.url).searchParams;
  const strip = [...new Set([...usual, ...urls.listed().map(formatSizeSpec)])].flatMap((size) => {
    const spec = parseSizeSpec(size);
    const picture = spec === undefined || spec.kind === "full" ? undefined : pictureOf(spec);
    return picture === undefined || picture.width > 400 || picture.height > 400 ? [] : [{ size, picture }];
  });
  return {
    mountPath,
    now,
    hash,
    key: info.key,
    name: image.name,
    format: info.format,
    extension: info.extension,
    bytes: info.bytes,
    width,
    height,
    orientation: info.orientation,
    pages: info.pages,
    hasAlpha: info.alpha,
    hasProfile: info.profile,
    colour: info.colour,
    thumbHash: info.thumb_hash,
    blurHash: info.blur_hash,
    thumbPicture: thumbHashPicture(info.thumb_hash),
    blurPicture: blurHashPicture(info.blur_hash, source),
    ...(image.uploadedAt === undefined ? {} : { uploadedAt: image.uploadedAt }),
    fullUrl: urls.shown({ hash, spec: { kind: "full" }, filename }, now),
    done: doneWords(query.get("done") ?? ""),
    trial: await trialOf(),
    formats,
    negotiated: parts.negotiate,
    strip,
    sourceSet: setOf(),
    ...(info.focus === null ? {} : { focus: info.focus }),
    whole: pictureOf(clickable, false),
    square: pictureOf(square),
    mayWrite,
    takenAt: info.exif.taken_at,
    tags: info.exif.tags,
    warnings: info.exif.warnings,
    location: info.exif.location,
    locationTags: info.exif.location_tags ?? [],
    isLocationHidden: info.exif.location_hidden === true,
    kept: info.results,
  };

  function setOf(): string | undefined {
    const { origin } = new URL(request.url);
    const spec = (one: number): SizeSpec => ({ kind: "box", width: one });
    if (!mayTry(spec(width)) && !mayTry(spec(320))) return undefined;
    return sourceSet(
      { hash, extension: info.extension, facts: source },
      new URLSearchParams({ name: fileName(image.name) }),
      (wanted, name) => `${origin}${urls.lasting({ hash, spec: wanted, filename: name })}`,
    ).html;
  }

  async function trialOf(): Promise<TrialView> {
    const ratio = parsePixelRatio(query.get("dpr"));
    const asked = query.get("format") ?? info.format;
    const format = formats.includes(asked) ? (imageFormats.find((one) => one === asked) ?? image.format) : image.format;
    const typed = query.get("size");
    const size = (typed ?? firstSize()).slice(0, 60);
    const trial = { size, format, pixelRatio: ratio ?? 1 };
    if (size === "" && typed === null) return trial;
    const spec = parseSizeSpec(size);
    if (spec === undefined)
      return { ...trial, failure: `“${size}” is no size: wanted full, or a number with w, h or s behind it` };
    if (ratio === undefined) return { ...trial, failure: "Wanted a screen of 1 to 4 pixels to a point" };
    const normal = formatSizeSpec(spec);
    const told = { ...trial, ...(normal === size ? {} : { normal }) };
    if (!mayTry(spec)) return { ...told, refusal: notAllowed(normal) };
    return madeOf(told, spec, format, ratio);
  }

  async function madeOf(trial: TrialView, spec: SizeSpec, format: ImageFormat, pixelRatio: number): Promise<TrialView> {
    const isOriginal = spec.kind === "full" && format === image.format;
    let result = { format: image.format, width, height, pages: info.pages, sizeBytes: info.bytes };
    if (!isOriginal) {
      try {
        ({ result } = await parts.reticulum.result(image, { spec, format, pixelRatio }, request.signal));
      } catch (thrown) {
        request.signal.throwIfAborted();
        if (!(thrown instanceof Fault)) throw thrown;
        return { ...trial, refusal: `${thrown.message}.` };
      }
    }
    const { origin } = new URL(request.url);
    const wanted = { hash, spec, filename: `${fileName(image.name)}.${extensionOf[format]}` };
    const points = targetOf(spec, source, { noEnlarge });
    const plain = `${origin}${urls.lasting(wanted)}`;
    const url = isOriginal || pixelRatio === 1 ? plain : `${origin}${urls.lasting({ ...wanted, pixelRatio })}`;
    const fine = url === plain ? "" : ` srcset="${Bun.escapeHTML(plain)} 1x, ${Bun.escapeHTML(url)} ${pixelRatio}x"`;
    const shown = {
      ...wanted,
      ...(isOriginal ? {} : { pixelRatio }),
      ...(spec.kind === "square" && version !== undefined ? { version } : {}),
    };
    return {
      ...trial,
      made: {
        picture: { src: urls.shown(shown, now), width: points.width, height: points.height },
        url,
        line: `<img src="${Bun.escapeHTML(plain)}"${fine} width="${points.width}" height="${points.height}" alt="">`,
        format: result.format,
        width: result.width,
        height: result.height,
        pages: result.pages,
        bytes: result.sizeBytes,
      },
    };
  }

  function firstSize(): string {
    const fitting: SizeSpec = width > firstWidth ? { kind: "box", width: firstWidth } : { kind: "full" };
    const first = mayTry(fitting) ? fitting : urls.listed()[0];
    return first === undefined ? "" : formatSizeSpec(first);
  }

  function notAllowed(size: string): string {
    const listed = urls.listed().map(formatSizeSpec);
    if (listed.length === 0) return "This node makes sizes for signed URLs only, and signing wants the scope write.";
    return `${size} is none of the listed sizes, which are ${listed.join(", ")}.`;
  }
}

const doneTexts: Readonly<Record<string, string>> = {
  stored: "Stored. The original is safe in Cask.",
  focus: "Squares look there from now on.",
  middle: "Squares show the middle again.",
};

function doneWords(done: string): string | undefined {
  const purged = /^purged-(\d{1,9})$/.exec(done)?.[1];
  if (purged !== undefined)
    return `${countOf(Number(purged), "result")} of this node forgotten; the other nodes were told.`;
  return Object.hasOwn(doneTexts, done) ? doneTexts[done] : undefined;
}

/** The stored name as the last part of a URL, without its ending. */
function fileName(name: string): string {
  const plain = name
    .replace(/\.[^.]*$/, "")
    .replaceAll(/[^\w.-]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "")
    .slice(0, 80);
  return plain === "" ? "image" : plain;
}
