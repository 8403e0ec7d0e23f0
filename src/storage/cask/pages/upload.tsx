/** @jsxImportSource hono/jsx */
/**
 * The page that takes files. A plain form with a field `file`; script adds dropping, several files and progress. The form
 * posts to its own address; whoever answers gives this page again, or JSON to those who accept only that.
 */
import { Facts, Flash, Headline, KeyText, Section } from "../../../kit/pages/components.tsx";
import { formatSize } from "../../../kit/pages/quantity.ts";
import { UploadList, UploadRow } from "../../../kit/pages/upload-rows.tsx";
import { type UploadView, caskPaths, filePath, lookupPath } from "./view.ts";

function Stored(props: { view: UploadView; blobKey: string; sizeBytes: number; made: number; wanted: number }) {
  const link = filePath(props.view.mountPath, props.blobKey);
  return (
    <>
      <Flash tone={props.made < props.wanted ? "warn" : "good"}>
        Stored in {props.made} of {props.wanted} copies.
        {props.made < props.wanted ? " The others follow as soon as their nodes can take them." : ""}
      </Flash>
      <Facts
        of={[
          ["Key", <KeyText text={props.blobKey} href={lookupPath(props.view.mountPath, props.blobKey)} copy />],
          [
            "Link",
            <a href={link}>
              <code>{link}</code>
            </a>,
          ],
          ["Size", formatSize(props.sizeBytes)],
        ]}
      />
    </>
  );
}

/** The page's body. */
export function Upload(view: UploadView) {
  const { outcome, mountPath } = view;
  return (
    <>
      <Headline
        title="Upload"
        sentence="A file gets the hash of its content as its key; the same file twice is stored once."
      />
      {outcome === undefined ? null : (
        <Section title="Outcome">
          {outcome.kind === "failed" ? (
            <Flash tone="bad">{outcome.reason}</Flash>
          ) : (
            <Stored
              view={view}
              blobKey={outcome.key}
              sizeBytes={outcome.sizeBytes}
              made={outcome.made}
              wanted={outcome.wanted}
            />
          )}
        </Section>
      )}
      <Section title="File" note={view.maxBytes === Infinity ? undefined : `Up to ${formatSize(view.maxBytes)} each`}>
        {view.refusal === undefined ? (
          <form
            class="form drop"
            method="post"
            action={`${mountPath}${caskPaths.upload}`}
            enctype="multipart/form-data"
            data-upload
            data-file-path={`${mountPath}/file/`}
            data-max-bytes={Number.isFinite(view.maxBytes) ? view.maxBytes : undefined}
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
        ) : (
          <Flash tone="warn">{view.refusal}</Flash>
        )}
      </Section>
      <div data-upload-results hidden>
        <Section title="Files" note="Newest first">
          <UploadList />
        </Section>
      </div>
      <UploadRow />
    </>
  );
}
