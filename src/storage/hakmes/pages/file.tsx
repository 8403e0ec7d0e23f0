/** @jsxImportSource hono/jsx */
/**
 * The page of one file: how to get it, what it was called, what it is made of. Shows the beginning of a long list of
 * chunks; the record has all of it.
 */
import { Age, Facts, Flash, Headline, KeyText, Mark, Section, Table } from "../../../kit/pages/components.tsx";
import { countOf, formatCount, formatInstant, formatSize } from "../../../kit/pages/quantity.ts";
import { filePath, type FileView, hakmesPaths, infoPath } from "./view.ts";

const storedWords = {
  new: "Stored. Its bytes are safe in Cask.",
  existed: "This content was here already: nothing was stored twice. A new name was added to it.",
} as const;

function Content({ view }: { view: FileView }) {
  const { mountPath, key } = view;
  const link = filePath(mountPath, key);
  return (
    <Facts
      of={[
        ["Key", <KeyText text={key} copy />],
        ["Size", formatSize(view.sizeBytes), `${formatCount(view.sizeBytes)} bytes`],
        ["Type", view.mimetype, "as its first uploader said"],
        ["Stored", <Age at={view.createdAt} now={view.now} />, `${formatInstant(view.createdAt)} UTC`],
        [
          "Proven",
          view.isProven ? (
            <Mark tone="good" word="its bytes are those of its key" />
          ) : (
            <Mark tone="busy" word="not yet: it is read whole before it is given out" />
          ),
        ],
        [
          "Link",
          <a href={link}>
            <code>{link}</code>
          </a>,
        ],
        [
          "Record",
          <a href={infoPath(mountPath, key)}>
            <code>{infoPath(mountPath, key)}</code>
          </a>,
        ],
      ]}
    />
  );
}

function Chunks({ view }: { view: FileView }) {
  const { chunks, caskPages } = view;
  if (view.chunksFailure !== undefined) return <Flash tone="bad">{view.chunksFailure}</Flash>;
  const left = view.chunkCount - chunks.length;
  return (
    <>
      <Table
        caption="Chunks"
        rows={chunks}
        empty="An empty file has no chunks."
        columns={[
          {
            title: "Key",
            kind: "main",
            cell: (chunk) => (
              <KeyText
                text={chunk.key}
                short
                {...(caskPages === undefined
                  ? {}
                  : { href: `${caskPages}/lookup/?key=${encodeURIComponent(chunk.key)}` })}
              />
            ),
          },
          { title: "From byte", kind: "number", cell: (chunk) => formatCount(chunk.startBytes) },
          { title: "Size", kind: "number", cell: (chunk) => formatSize(chunk.sizeBytes) },
        ]}
      />
      {left > 0 ? <p class="empty">And {formatCount(left)} more, which the record lists.</p> : null}
    </>
  );
}

/** The page's body. */
export function File(view: FileView) {
  const { mountPath, key, names } = view;
  const [first, ...further] = names;
  return (
    <>
      <Headline
        title={first?.name ?? "A file without a name"}
        sentence={`${formatSize(view.sizeBytes)} in ${countOf(view.chunkCount, "chunk")}.`}
      />
      {view.stored === undefined ? null : (
        <Section title="Upload">
          <Flash tone="good">{storedWords[view.stored]}</Flash>
        </Section>
      )}
      <Section title="File" id="file">
        <Content view={view} />
        <p class="actions">
          <a class="button" href={`${filePath(mountPath, key)}?download=1`}>
            Download
          </a>
          <a href={`${mountPath}${hakmesPaths.overview}`}>All files</a>
        </p>
      </Section>
      {further.length === 0 ? null : (
        <Section title="Names" id="names" note="One content, stored once">
          <Table
            caption="Names"
            rows={names}
            empty=""
            columns={[
              { title: "Name", kind: "main", cell: (each) => each.name },
              { title: "Type", cell: (each) => each.mimetype },
              { title: "Since", kind: "time", cell: (each) => <Age at={each.addedAt} now={view.now} /> },
            ]}
          />
        </Section>
      )}
      <Section title="Chunks" id="chunks" note={view.cut === undefined ? "Cut elsewhere" : `Cut ${view.cut}`}>
        <Chunks view={view} />
        {view.manifest === undefined ? null : (
          <Facts
            of={[["Manifest", <KeyText text={view.manifest} copy />, "the list of chunks, itself kept in Cask"]]}
          />
        )}
      </Section>
    </>
  );
}
