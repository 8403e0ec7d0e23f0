/** @jsxImportSource hono/jsx */
/**
 * The page of one image: at any size, ready to be put into a page; where its squares look; what is known of it; what the
 * camera wrote; which results are kept. Without script all of it works.
 */
import { Age, Facts, Flash, Headline, KeyText, Mark, Section, Table } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatInstant, formatSize } from "../../../kit/pages/quantity.ts";
import type { ExifTag } from "../exif.ts";
import { Focus } from "./image-focus.tsx";
import { Strip, Trial } from "./image-trial.tsx";
import { CopyLine } from "./picture.tsx";
import { copiesPath, formatTitle, type ImageView, reticulumPaths, showPath } from "./view.ts";

const orientations: Readonly<Record<number, string>> = {
  1: "stored upright",
  2: "stored mirrored",
  3: "stored upside down",
  4: "stored mirrored and upside down",
  5: "stored mirrored and lying",
  6: "stored lying on its left side",
  7: "stored mirrored and lying",
  8: "stored lying on its right side",
};

function Known({ view }: { view: ImageView }) {
  const { blurPicture, thumbPicture } = view;
  const placeholder = (text: string, picture: string | undefined): Html => (
    <>
      <KeyText text={text} copy />
      {picture === undefined ? null : <img class="placeholder" src={picture} alt="The placeholder as it looks" />}
    </>
  );
  return (
    <Facts
      of={[
        ["Key", <KeyText text={view.key} copy />],
        [
          "Original",
          <a href={view.fullUrl}>
            {formatTitle(view.format)}, {view.width} × {view.height}
          </a>,
          `${formatCount(view.bytes)} bytes${view.pages > 1 ? `, ${view.pages} frames` : ""}; ${orientations[view.orientation] ?? "stored upright"}`,
        ],
        ["Transparency", view.hasAlpha ? "yes" : "no"],
        ["Colour profile", view.hasProfile ? "yes, and results honour it" : "none: taken as sRGB"],
        [
          "Main colour",
          <>
            <svg class="swatch" viewBox="0 0 16 10" preserveAspectRatio="none" aria-hidden="true">
              <rect width="16" height="10" fill={view.colour} />
            </svg>
            <code>{view.colour}</code>
          </>,
        ],
        ["ThumbHash", placeholder(view.thumbHash, thumbPicture)],
        ["BlurHash", placeholder(view.blurHash, blurPicture)],
        view.uploadedAt === undefined
          ? ["Uploaded", "not through this node"]
          : [
              "Uploaded",
              <Age at={view.uploadedAt} now={view.now} />,
              `${formatInstant(view.uploadedAt)} UTC, through this node`,
            ],
        ["Copies", <a href={copiesPath(view.mountPath, view.hash, view.extension)}>Which nodes have the original</a>],
      ]}
    />
  );
}

function Tags(props: { caption: string; tags: readonly ExifTag[]; empty: Html }) {
  return (
    <div class="tags">
      <Table
        caption={props.caption}
        rows={props.tags}
        empty={props.empty}
        columns={[
          {
            title: "Tag",
            kind: "main",
            cell: (tag) => (
              <>
                {tag.name}
                {tag.alias === undefined ? null : <small>{tag.alias}</small>}
              </>
            ),
          },
          { title: "Value", kind: "wide", cell: (tag) => tag.text },
        ]}
      />
    </div>
  );
}

function Camera({ view }: { view: ImageView }) {
  const { location, locationTags, tags, warnings } = view;
  const metres = location?.altitudeMetres;
  return (
    <>
      {view.takenAt === undefined ? null : <Facts of={[["Taken", view.takenAt.replace("T", " ")]]} />}
      <Tags caption="What the camera wrote" tags={tags} empty="Nothing was written into this image." />
      {view.isLocationHidden ? (
        <p class="empty">It says where it was made, too. That is shown to those who may administer.</p>
      ) : null}
      {location === undefined ? null : (
        <Facts
          of={[
            [
              "Place",
              <KeyText text={`${location.latitude}, ${location.longitude}`} copy />,
              metres === undefined ? undefined : `${Math.abs(metres)} m ${metres < 0 ? "below" : "above"} the sea`,
            ],
          ]}
        />
      )}
      {locationTags.length === 0 ? null : (
        <details class="extra">
          <summary>All about the place</summary>
          <Tags caption="What was written about the place" tags={locationTags} empty="" />
        </details>
      )}
      {warnings.map((warning) => (
        <p>
          <Mark tone="warn" word={warning} />
        </p>
      ))}
    </>
  );
}

function Kept({ view }: { view: ImageView }) {
  return (
    <>
      <Table
        caption="Results that are kept"
        rows={view.kept}
        empty="None: each is made when it is asked for."
        columns={[
          {
            title: "Size",
            kind: "main",
            cell: (row) => (
              <a href={`${showPath(view.mountPath, view.hash)}?size=${encodeURIComponent(row.size)}#size`}>
                {row.size}
              </a>
            ),
          },
          { title: "Format", cell: (row) => formatTitle(row.format) },
          { title: "Pixels", kind: "number", cell: (row) => `${row.width} × ${row.height}` },
          { title: "Bytes", kind: "number", cell: (row) => formatSize(row.bytes) },
        ]}
      />
      {view.mayWrite ? (
        <form class="actions" method="post" action={`${showPath(view.mountPath, view.hash)}purge`}>
          <button type="submit">Purge results</button>
          <span class="aside">On all nodes. The original stays, and sizes are made again when they are asked for.</span>
        </form>
      ) : null}
    </>
  );
}

/** The page's body. */
export function Image(view: ImageView) {
  const { format, height, name, width } = view;
  const frames = view.pages > 1 ? `, ${countOf(view.pages, "frame")}` : "";
  return (
    <>
      <Headline
        title={name === "" ? "An image without a name" : name}
        sentence={`${formatTitle(format)}, ${width} × ${height} pixels${frames}, ${formatSize(view.bytes)}.`}
      />
      {view.done === undefined ? null : (
        <Section title="Outcome">
          <Flash tone="good">{view.done}</Flash>
        </Section>
      )}
      <Section title="At one size" id="trial" note="Any size can be asked for; it is made once and kept">
        <Trial view={view} />
      </Section>
      {view.strip.length === 0 ? null : (
        <Section title="Usual sizes" id="sizes">
          <Strip view={view} />
        </Section>
      )}
      {view.sourceSet === undefined ? null : (
        <Section title="For all screens" id="srcset" note="The browser takes what fits">
          <CopyLine text={view.sourceSet} label="Element for screens of all sizes" />
        </Section>
      )}
      <Section title="Focal point" id="focus" note="Where squares look">
        <Focus view={view} />
      </Section>
      <Section title="What is known" id="facts">
        <Known view={view} />
      </Section>
      <Section title="Camera" id="camera" note="In the original only; results carry none of it">
        <Camera view={view} />
      </Section>
      <Section title="Kept results" id="kept" note="On this node">
        <Kept view={view} />
        <p>
          <a href={`${view.mountPath}${reticulumPaths.table}`}>To the light table</a>
        </p>
      </Section>
    </>
  );
}
