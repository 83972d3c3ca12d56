"""How the page looks: light and dark, wide and narrow."""

STYLE = """
:root {
  --paper: #ffffff; --ink: #1c2430; --soft: #5d6876; --rule: #e3e7ec;
  --ours: #00857a; --ours-more: #7cc5be; --peer: #8d99a8; --peer-more: #cbd2da;
  --base: #39424f; --yes: #00857a; --no: #c2410c;
  --c0: #00857a; --c1: #c2410c; --c2: #4f46e5; --c3: #b7791f;
  --c4: #be185d; --c5: #0369a1; --c6: #65a30d; --c7: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --ink: #e4e9ef; --soft: #98a4b3; --rule: #2a323d;
    --ours: #2fc0b0; --ours-more: #1d6f67; --peer: #76828f; --peer-more: #465160;
    --base: #c7d0da; --yes: #2fc0b0; --no: #fb923c;
    --c0: #2fc0b0; --c1: #fb923c; --c2: #a5b4fc; --c3: #facc15;
    --c4: #f472b6; --c5: #38bdf8; --c6: #a3e635; --c7: #9ca3af;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1240px; padding: 20px 24px 60px;
  background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Liberation Sans", Arial, sans-serif;
}
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 44px 0 12px; border-top: 1px solid var(--rule);
  padding-top: 18px; }
small { font-weight: normal; font-size: 14px; color: var(--soft); }
h1 small { font-size: 18px; }
p { margin: 4px 0 8px; max-width: 72em; }
header + section h2 { margin-top: 18px; }
summary { cursor: pointer; color: var(--soft); }
nav a { color: var(--soft); margin-right: 14px; text-decoration: none;
  border-bottom: 1px solid var(--rule); white-space: nowrap; }
.key { margin-right: 14px; }
.key::before { content: ""; display: inline-block; width: 11px; height: 11px;
  border-radius: 2px; margin: 0 5px 0 0; background: var(--peer); }
.key.ours::before { background: var(--ours); }
.key.base::before { background: var(--base); }
.charts { columns: 480px; column-gap: 44px; }
.charts figure { break-inside: avoid; padding-bottom: 24px; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: 6px; }
.row { display: grid; grid-template-columns: 170px 1fr; gap: 10px;
  align-items: center; font-size: 13px; line-height: 21px; }
.row > span { color: var(--soft); white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; text-align: right; }
.row.ours > span { color: var(--ink); font-weight: 600; }
.row.base > span { color: var(--ink); }
.row svg { display: block; width: 100%; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.row.ours text { fill: var(--ink); }
.bar { fill: var(--peer); } .more { fill: var(--peer-more); }
.ours .bar { fill: var(--ours); } .ours .more { fill: var(--ours-more); }
.base .bar { fill: var(--base); }
.row circle { fill: var(--peer); } .ours circle { fill: var(--ours); }
.base circle { fill: var(--base); }
.whisker { stroke: var(--soft); stroke-width: 1.5; }
.one { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 2; }
.grid { stroke: var(--rule); }
svg .tick { font-size: 11px; }
.lines svg { display: block; width: 100%; max-width: 560px; }
#growth .charts, #history .charts { columns: 330px; }
.line { fill: none; stroke-width: 2; stroke: currentColor; }
.lines circle { fill: currentColor; }
.lines ul { list-style: none; margin: 2px 0 0; padding: 0 0 0 34px;
  display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; }
.lines li::before { content: "●"; margin-right: 5px; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.c6 { color: var(--c6); } .c7 { color: var(--c7); }
table { border-collapse: collapse; font-size: 14px; }
td { padding: 4px 18px 4px 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums; }
.yes td:last-child { color: var(--yes); white-space: nowrap; }
.no td:last-child { color: var(--no); font-weight: 600; white-space: nowrap; }
#goals ul { font-size: 13px; color: var(--soft); overflow-wrap: anywhere;
  padding-left: 18px; }
@media (max-width: 640px) {
  body { padding: 14px 14px 40px; }
  .row { grid-template-columns: 1fr; gap: 0; line-height: 18px; margin-bottom: 5px; }
  .row > span { text-align: left; }
  td { padding-right: 10px; }
}
"""
