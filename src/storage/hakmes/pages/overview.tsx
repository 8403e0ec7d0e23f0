/** @jsxImportSource hono/jsx */
/**
 * The first page: what there is and how it fares, the form that takes a file, and the files themselves with search and
 * pages. Everything works without script; with it files can be dropped, several travel at once, and figures stay fresh.
 */
import { Age, Facts, Flash, Headline, Live, Mark, Section, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSize } from "../../../kit/pages/quantity.ts";
import { UploadList, UploadRow } from "../../../kit/pages/upload-rows.tsx";
import { type FileRow, hakmesPaths, listPath, type OverviewView, showPath, type StateView } from "./view.ts";

function verdictOf({ trouble, unproven, unanchored, files, bytes }: StateView): { tone: Tone; sentence: string } {
  if (trouble !== undefined) return { tone: "bad", sentence: trouble };
  if (unanchored > 0) {
    return {
      tone: "busy",
      sentence: `${countOf(unanchored, "imported file waits", "imported files wait")} for Cask to take the list of chunks.`,
    };
  }
  if (unproven > 0) {
    return {
      tone: "busy",
      sentence: `${countOf(unproven, "file is", "files are")} being read once more, to be compared with the key.`,
    };
  }
  if (files === 0) return { tone: "good", sentence: "Ready for the first file." };
  return { tone: "good", sentence: `${countOf(files, "file")}, ${formatSize(bytes)}, all there to be read.` };
}

function Figures({ state }: { state: StateView }) {
  return (
    <Facts
      figures
      of={[
        ["Files", formatCount(state.files), countOf(state.names, "name")],
        ["Size", formatSize(state.bytes), "before chunks that are alike"],
        [
          "Unfinished",
          formatCount(state.unfinished),
          state.unfinished === 0
            ? "resumable uploads"
            : `resumable uploads, ${formatSize(state.unfinishedBytes)} so far`,
        ],
        [
          "To be proven",
          state.unproven > 0 ? <Mark tone="busy" word={formatCount(state.unproven)} /> : "none",
          "found or imported, not read yet",
        ],
      ]}
    />
  );
}

/** The page's live parts, by name. */
export function stateParts(state: StateView): Record<string, Html> {
  const verdict = verdictOf(state);
  return {
    verdict: <Headline title="Hakmes status" tone={verdict.tone} sentence={verdict.sentence} />,
    figures: <Figures state={state} />,
  };
}

function UploadForm({ view }: { view: OverviewView }) {
  const { mountPath, maxUploadBytes } = view;
  return (
    <>
      {view.refusal === undefined ? null : <Flash tone="bad">{view.refusal}</Flash>}
      <form
        class="form drop"
        method="post"
        action={`${mountPath}${hakmesPaths.upload}`}
        enctype="multipart/form-data"
        data-upload
        data-file-path={`${mountPath}${hakmesPaths.show}`}
        data-max-bytes={Number.isFinite(maxUploadBytes) ? maxUploadBytes : undefined}
      >
        <div class="field">
          <label for="file">Choose a file</label>
          <input id="file" name="file" type="file" required />
          <p class="field-hint" data-upload-hint hidden>
            Or drop files anywhere on this page.
          </p>
        </div>
        <button type="submit">Upload</button>
      </form>
      <div data-upload-results hidden>
        <UploadList />
      </div>
      <UploadRow />
    </>
  );
}

function Search({ view }: { view: OverviewView }) {
  const { query } = view;
  return (
    <form class="search" method="get" role="search">
      <label>
        Name, or the beginning of a key
        <input name="search" value={query.search} autocomplete="off" autocapitalize="none" />
      </label>
      <label>
        Order
        <select name="sort">
          <option value="newest" selected={query.sort === "newest"}>
            newest first
          </option>
          <option value="name" selected={query.sort === "name"}>
            by name
          </option>
          <option value="size" selected={query.sort === "size"}>
            largest first
          </option>
        </select>
      </label>
      <button type="submit">Search</button>
    </form>
  );
}

function Name({ row, mountPath }: { row: FileRow; mountPath: string }) {
  const [first, ...further] = row.names;
  const shown = further.slice(0, 3);
  return (
    <>
      <a href={showPath(mountPath, row.key)}>{first ?? <span class="aside">without a name</span>}</a>
      {row.isProven ? null : <span class="aside"> not proven yet</span>}
      {shown.length === 0 ? null : (
        <small>
          also {shown.join(", ")}
          {further.length > shown.length ? ` and ${further.length - shown.length} more` : ""}
        </small>
      )}
    </>
  );
}

/** What tells one key from another, on one line. */
function ShortKey({ text }: { text: string }) {
  return (
    <code class="short-key" title={text}>
      {text.slice(0, text.indexOf(":") + 9)}…
    </code>
  );
}

function emptyWords(view: OverviewView): Html {
  if (view.query.search !== "") {
    return (
      <>
        No file has “{view.query.search}” in a name of it, or a key that begins so.{" "}
        <a href={listPath(view.mountPath, {})}>Show all files</a>
      </>
    );
  }
  if (view.query.after !== "") return "There is nothing after this page.";
  return (
    <>
      No files yet. Choose one above, or send one from a terminal: <code>curl -F file=@photo.jpg</code> and this page's
      address.
    </>
  );
}

function Files({ view }: { view: OverviewView }) {
  const { mountPath, query, next, now } = view;
  if (view.listFailure !== undefined) return <Flash tone="bad">{view.listFailure}</Flash>;
  return (
    <>
      <Table
        caption="Files"
        rows={view.files}
        empty={emptyWords(view)}
        columns={[
          { title: "Name", kind: "main", cell: (row) => <Name row={row} mountPath={mountPath} /> },
          { title: "Size", kind: "number", cell: (row) => formatSize(row.sizeBytes) },
          { title: "Chunks", kind: "number", cell: (row) => formatCount(row.chunkCount) },
          { title: "Type", cell: (row) => row.mimetype },
          { title: "Key", cell: (row) => <ShortKey text={row.key} /> },
          { title: "Stored", kind: "time", cell: (row) => <Age at={row.createdAt} now={now} /> },
        ]}
      />
      {query.after === "" && next === undefined ? null : (
        <nav class="pagination" aria-label="Pages of files">
          {query.after === "" ? null : <a href={listPath(mountPath, { ...query, after: "" })}>First page</a>}
          <span>{countOf(view.total, "file")} in all</span>
          {next === undefined ? null : (
            <a rel="next" href={listPath(mountPath, { ...query, after: next })}>
              Next page
            </a>
          )}
        </nav>
      )}
    </>
  );
}

/** The page's body. */
export function Overview(view: OverviewView) {
  const parts = stateParts(view.state);
  const { maxUploadBytes } = view;
  return (
    <>
      <Live name="verdict">{parts.verdict}</Live>
      <Section title="Content" id="content" note="What this node knows of">
        <Live name="figures">{parts.figures}</Live>
      </Section>
      <Section
        title="Upload"
        id="upload"
        note={Number.isFinite(maxUploadBytes) ? `Up to ${formatSize(maxUploadBytes)} each` : undefined}
      >
        <UploadForm view={view} />
      </Section>
      <Section
        title="Files"
        id="files"
        note={view.query.search === "" ? undefined : `${formatCount(view.total)} match “${view.query.search}”`}
      >
        <Search view={view} />
        <Files view={view} />
      </Section>
      <Section title="Storage" id="storage" note="Where the bytes of files are">
        <Facts
          of={[
            ["Cask", <code>{view.cask}</code>],
            ["New files are cut", view.cut],
            ["New files are named by", view.algorithm === "sha1" ? "SHA-1" : "SHA-256"],
          ]}
        />
      </Section>
    </>
  );
}
