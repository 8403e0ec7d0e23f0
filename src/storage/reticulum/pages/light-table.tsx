/** @jsxImportSource hono/jsx */
/**
 * The first page: the form that takes images and, newest first, those that came in through this node. Everything works
 * without script; with it images can be dropped, several travel at once, and new ones appear by themselves.
 */
import { describedBy, Field, Flash, Headline, Live, Pagination, Section } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatInstant, formatSize } from "../../../kit/pages/quantity.ts";
import { UploadList, UploadRow } from "../../../kit/pages/upload-rows.tsx";
import { CopyLine, Picture } from "./picture.tsx";
import { formatTitle, type LightTableView, type PrintView, reticulumPaths, showPath, type TakenView } from "./view.ts";

function Print({ print, mountPath }: { print: PrintView; mountPath: string }) {
  const { bytes, colour, format, hash, height, name, pages, picture, uploadedAt, width } = print;
  return (
    <li class="print">
      <a href={showPath(mountPath, hash)} title={`${formatInstant(uploadedAt)} UTC`}>
        <span class="print-frame">
          <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
            <rect width="1" height="1" fill={colour} />
          </svg>
          {picture === undefined ? null : <Picture of={picture} alt="" lazy />}
        </span>
        <span class="print-name">{name === "" ? `${hash.slice(0, 12)}…` : name}</span>
      </a>
      <small>
        {width} × {height}
        {pages > 1 ? `, ${pages} frames` : ""}
      </small>
      <small>
        {formatTitle(format)}, {formatSize(bytes)}
      </small>
    </li>
  );
}

function Prints({ view }: { view: LightTableView }) {
  if (view.prints.length > 0) {
    return (
      <ol class="prints">
        {view.prints.map((print) => (
          <Print print={print} mountPath={view.mountPath} />
        ))}
      </ol>
    );
  }
  return (
    <p class="empty">
      {view.newer === undefined ? (
        <>
          No images yet. Choose one above, or send one from a terminal: <code>curl -F image=@photo.jpg</code> and this
          page's address.
        </>
      ) : (
        "There is nothing after this page."
      )}
    </p>
  );
}

function UploadForm({ view }: { view: LightTableView }) {
  const { mountPath } = view;
  return (
    <>
      {view.refusal === undefined ? null : <Flash tone="bad">{view.refusal}</Flash>}
      <form
        class="form drop"
        method="post"
        action={`${mountPath}${reticulumPaths.table}`}
        enctype="multipart/form-data"
        data-upload
        data-file-path={`${mountPath}${reticulumPaths.show}`}
        data-max-bytes={view.maxUploadBytes}
      >
        <div class="field">
          <label for="image">Choose an image</label>
          <input
            id="image"
            name="image"
            type="file"
            accept="image/jpeg,image/png,image/gif,image/webp,image/avif"
            required
          />
          <p class="field-hint" data-upload-hint hidden>
            Or drop images anywhere on this page.
          </p>
        </div>
        {view.keyWanted ? (
          <Field name="key" label="Upload key" hint="Not needed with a token that may write.">
            <input id="key" name="key" type="password" autocomplete="off" aria-describedby={describedBy("key")} />
          </Field>
        ) : null}
        <details class="extra">
          <summary>Make sizes ahead</summary>
          <Field name="size_hints" label="Sizes" hint="With commas between, such as 100s,800w.">
            <input
              id="size_hints"
              name="size_hints"
              autocomplete="off"
              autocapitalize="none"
              aria-describedby={describedBy("size_hints")}
            />
          </Field>
        </details>
        <button type="submit">Upload</button>
      </form>
      <div data-upload-results hidden>
        <UploadList />
      </div>
      <UploadRow />
    </>
  );
}

/** The page's live parts, by name. */
export function tableParts(view: LightTableView): Record<string, Html> {
  const { sentence, tone } = view.verdict;
  return {
    verdict: <Headline title="Light table" tone={tone} sentence={sentence} />,
    prints: <Prints view={view} />,
  };
}

/** The page's body. */
export function LightTable(view: LightTableView) {
  const parts = tableParts(view);
  const { mountPath, newer, older } = view;
  return (
    <>
      <Live name="verdict">{parts.verdict}</Live>
      <Section
        title="Upload"
        id="upload"
        note={`JPEG, PNG, GIF, WebP or AVIF, up to ${formatSize(view.maxUploadBytes)}`}
      >
        <UploadForm view={view} />
      </Section>
      <Section
        title="Images"
        id="images"
        note={view.uploaded === 0 ? undefined : `${countOf(view.uploaded, "image")} through this node, newest first`}
      >
        {view.listFailure === undefined ? null : <Flash tone="bad">{view.listFailure}</Flash>}
        {newer === undefined ? <Live name="prints">{parts.prints}</Live> : parts.prints}
        <Pagination label="Pages of images" newer={newer} older={older} />
      </Section>
      <Section title="Find" id="find" note="Any image in Cask, wherever it came in">
        <form class="beside" method="get" action={`${mountPath}${reticulumPaths.show}`}>
          <label class="beside-wide">
            Hash
            <input name="hash" required autocomplete="off" autocapitalize="none" spellcheck={false} />
          </label>
          <button type="submit">Show</button>
        </form>
      </Section>
    </>
  );
}

/** What one sees who may upload with a key, and may look at nothing. */
export function Taken(view: TakenView) {
  return (
    <>
      <Headline title="Stored" tone="good" sentence="The image was taken and is safe." />
      <Section title="Address">
        <CopyLine text={view.fullUrl} label="Address of the image" />
        <p>
          <a href={`${view.mountPath}${reticulumPaths.table}`}>To the light table</a>
        </p>
      </Section>
    </>
  );
}
