export const PAGE_STYLE = `
:root {
  --paper: #fbfaf8; --raised: #ffffff; --ink: #1f2126; --quiet: #626771; --line: #dedad3; --accent: #b4480f;
  --warn-ink: #7a3300; --warn-paper: #ffeedd; --shadow: 0 6px 24px rgb(30 25 20 / 18%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17181b; --raised: #222429; --ink: #e8e6e3; --quiet: #9ba0a9; --line: #35383f; --accent: #ff9d5c;
    --warn-ink: #ffc999; --warn-paper: #45290f; --shadow: 0 6px 24px rgb(0 0 0 / 55%);
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body {
  display: flex; flex-direction: column; background: var(--paper); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header {
  display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: center; justify-content: space-between;
  padding: 10px 16px 8px; border-bottom: 1px solid var(--line); background: var(--raised);
}
.titles { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
h1 { margin: 0; font-size: 16px; font-weight: 650; }
p { margin: 0; }
.event, #facts { color: var(--quiet); font-variant-numeric: tabular-nums; }
.event select { margin-left: 4px; }
#losses {
  padding: 1px 10px; border-radius: 10px; background: var(--warn-paper); color: var(--warn-ink);
  font-size: 13px; font-variant-numeric: tabular-nums;
}
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.field { position: relative; }
input, select, button {
  font: inherit; font-size: 13px; color: inherit; background: var(--paper); border: 1px solid var(--line);
  border-radius: 6px; padding: 4px 10px;
}
input { width: 270px; padding-right: 28px; }
input[aria-invalid="true"] { border-color: #c62828; }
kbd {
  position: absolute; right: 8px; top: 50%; transform: translateY(-50%); padding: 0 5px; font: 11px ui-monospace, monospace;
  color: var(--quiet); border: 1px solid var(--line); border-radius: 4px; pointer-events: none;
}
.field:focus-within kbd { display: none; }
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--accent); }
button:disabled { opacity: .45; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
#matched { min-width: 9ch; color: var(--quiet); font-size: 13px; font-variant-numeric: tabular-nums; }
#matched.problem { color: #c62828; }
nav { flex-basis: 100%; display: flex; overflow-x: auto; white-space: nowrap; scrollbar-width: thin; }
nav:empty { display: none; }
nav button {
  flex: none; border: 0; background: none; padding: 1px 4px; color: var(--quiet); max-width: 40ch; overflow: hidden; text-overflow: ellipsis;
}
nav button:not(:last-child)::after { content: " ›"; color: var(--quiet); }
nav button[aria-current] { color: var(--ink); font-weight: 600; }
main { flex: 1; min-height: 120px; overflow-y: auto; overflow-x: hidden; position: relative; }
canvas { position: sticky; top: 0; display: block; width: 100%; height: 100%; cursor: default; }
canvas.over { cursor: pointer; }
canvas:focus-visible { outline-offset: -2px; }
footer {
  display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: center; padding: 6px 16px; border-top: 1px solid var(--line);
  background: var(--raised); font-size: 13px;
}
#status { flex: 1; min-width: 30ch; color: var(--quiet); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
#legend { display: flex; gap: 12px; margin: 0; padding: 0; list-style: none; color: var(--quiet); }
#legend i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; border-radius: 3px; vertical-align: -1px; }
#hottest { max-height: 38vh; overflow: auto; border-top: 1px solid var(--line); background: var(--raised); }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th { position: sticky; top: 0; background: var(--raised); text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: 3px 16px; border-bottom: 1px solid var(--line); }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: right; width: 9ch; font-variant-numeric: tabular-nums; }
td:nth-child(3) { overflow-wrap: anywhere; }
td:nth-child(3) button { border: 0; padding: 0; background: none; text-align: left; }
td:nth-child(3) button:hover { text-decoration: underline; }
td:nth-child(4) { color: var(--quiet); }
#tip {
  position: fixed; z-index: 2; max-width: min(640px, 90vw); padding: 8px 12px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--raised); box-shadow: var(--shadow); pointer-events: none; font-size: 13px;
}
#tip b { display: block; overflow-wrap: anywhere; font-weight: 600; }
#tip span { display: block; color: var(--quiet); font-variant-numeric: tabular-nums; }
@media print { .tools, footer button { display: none; } }
`
