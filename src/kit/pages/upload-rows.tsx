/** @jsxImportSource hono/jsx */
/**
 * What upload.browser.js fills while files travel: the list, and the row it makes for each of them. Hidden without script.
 */

/** The list of files on their way, newest first; stands in an element with `data-upload-results`. */
export function UploadList() {
  return <ol class="uploads" data-upload-list aria-live="polite"></ol>;
}

/** The row of one file, to be copied. */
export function UploadRow() {
  return (
    <template data-upload-row>
      <li>
        <div class="upload-line">
          <strong data-upload-name></strong>
          <span data-upload-state></span>
        </div>
        <progress data-upload-progress max="1" value="0"></progress>
        <div class="upload-line" data-upload-answer hidden>
          <a data-upload-link>
            <code class="key" data-upload-key></code>
          </a>
          <button type="button" class="button-quiet" data-copy="" hidden>
            Copy link
          </button>
        </div>
      </li>
    </template>
  );
}
