/** Sample views of Houston's pages that need no figures: lists and forms, well kept, in trouble, empty, and hostile. */
import type { EditView } from "../../src/signals/houston/pages/edit.tsx";
import type { ListedDashboard, ListView } from "../../src/signals/houston/pages/view.ts";
import { thisNode } from "../../src/signals/houston/this-node.ts";
import { hostileName } from "./samples-console.ts";

const endless = "x".repeat(300);
const board = (title: string, parts: Partial<ListedDashboard> = {}): ListedDashboard => ({
  slug: "web",
  title,
  note: undefined,
  graphs: 12,
  from: "/etc/warren/dashboards/web.toml",
  canChange: true,
  problems: [],
  ...parts,
});
const list: ListView = {
  mountPath: "/houston",
  dashboards: [
    board("Web servers"),
    board("This node", { from: "this program", canChange: false, note: thisNode.note }),
  ],
  troubles: [],
  sourceName: "series",
  sourceTrouble: undefined,
  mayWrite: true,
  folder: "/etc/warren/dashboards",
  statusPage: "public",
};

/** The list of dashboards. */
export const houstonListSamples: Record<string, ListView> = {
  good: list,
  trouble: {
    ...list,
    dashboards: [
      board("Web servers", {
        problems: ["line 3, graphs.cpu.unit: wanted one of none, count", "line 9: it is missing"],
      }),
    ],
    troubles: ['Cannot read "/etc/warren/more.toml": permission denied'],
    sourceTrouble: "Cannot ask http://graphite.example: connection refused",
    statusPage: "private",
  },
  empty: { ...list, dashboards: [], mayWrite: false, statusPage: "none" },
  hostile: {
    ...list,
    dashboards: [board(hostileName, { note: endless, from: `/${endless}`, problems: [endless] }), board(endless)],
    troubles: [endless],
    folder: `/${endless}`,
  },
};

const edit: EditView = {
  mountPath: "/houston",
  slug: "web",
  file: "/etc/warren/dashboards/web.toml",
  etag: '"0123"',
  written: thisNode,
  failure: undefined,
  hasRemarks: false,
};

/** Changing a dashboard by hand. */
export const houstonEditSamples: Record<string, EditView> = {
  good: edit,
  trouble: { ...edit, failure: 'Cannot save "web": somebody else changed it meanwhile', hasRemarks: true },
  clash: {
    ...edit,
    failure: 'Cannot save "web": somebody else changed it meanwhile',
    clash: {
      etag: '"4567"',
      fields: [["action", "settings"]],
      lines: [
        { of: "skipped", text: "" },
        { of: "both", text: 'title = "Web servers"' },
        { of: "first", text: `note = "${endless}"` },
        { of: "second", text: 'note = "mine"' },
        { of: "skipped", text: "12 more lines" },
      ],
    },
  },
  empty: { ...edit, written: { title: "New", variables: {}, graphs: {}, sections: [] } },
  hostile: {
    ...edit,
    file: `/${endless}`,
    written: {
      title: hostileName,
      variables: {},
      graphs: { [endless]: { title: endless, targets: [endless] }, a: { title: hostileName, targets: [hostileName] } },
      sections: [{ label: hostileName, graphs: [`a ${endless}`, endless] }],
    },
  },
};
