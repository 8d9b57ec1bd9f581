"""The style sheet of the HTML report: light, dark and print; what a colour says, a sign or a weight says too."""

from __future__ import annotations

from pipeline.tasks.report.drawing import SERIES

STYLE = (
    ":root{--ink:#1b1f24;--paper:#ffffff;--soft:#f3f5f7;--line:#d5dae0;--dim:#57606a;--good:#0b6b3a;--bad:#a4262c;"
    "--open:#7a5b00;"
    + "".join(f"--series-{number}:{colour};" for number, colour in enumerate(SERIES))
    + """color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14171a;--soft:#1e2327;--line:#3a4148;--dim:#9aa4ae;
--good:#5fd391;--bad:#ff8d85;--open:#e3b74b;
--series-0:#f08a3c;--series-1:#56b4e9;--series-2:#3cc79a;--series-3:#e3a5c8;--series-4:#f0c24b;--series-5:#9ad4f5}}
*{box-sizing:border-box}
html{font-size:15px}body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1.2rem 4rem}
h1{font-size:1.5rem;margin:0 0 .8rem}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}h3{font-size:1rem;margin:1.4rem 0 .3rem}
h4{font-size:.9rem;font-weight:400;margin:0 0 .4rem;color:var(--dim)}h4 b{color:var(--ink)}
p{margin:.3rem 0}.note{color:var(--dim);font-size:.87rem}
.banner{display:flex;gap:.8rem;align-items:center;font-size:1.25rem;font-weight:600;padding:.7rem 1rem;
border:2px solid currentColor;border-radius:.5rem;background:var(--soft)}
.sign{font-weight:700;min-width:1.2em;text-align:center}
.met{color:var(--good)}.not-met{color:var(--bad)}.not-measurable,.not-asked{color:var(--open)}
.criteria{list-style:none;padding:0;margin:.8rem 0}
.criteria li{display:flex;gap:.8rem;padding:.5rem 1rem;border-bottom:1px solid var(--line)}
.criteria div{color:var(--ink)}
.headline{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.6rem;margin:.9rem 0}
.headline div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .6rem;background:var(--soft)}
dt,.headline span{color:var(--dim);font-size:.82rem}
.headline span{font-size:.78rem}dd{margin:0}.headline b{display:block;font-size:1.2rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem .9rem;font-size:.87rem;margin:.6rem 0 0;padding:.5rem 0;position:sticky;top:0;
background:var(--paper);border-bottom:1px solid var(--line);z-index:1}
a{color:inherit}nav a{text-decoration-color:var(--line);text-underline-offset:.2em}
section{scroll-margin-top:3rem}
.wide{overflow-x:auto;margin:.6rem 0}.wide:focus-visible{outline:2px solid currentColor}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{padding:.28rem .5rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{white-space:normal;max-width:9rem;overflow-wrap:break-word}th:first-child{text-align:left;padding-left:.2rem}
thead th{color:var(--dim);font-weight:600;vertical-align:bottom}
tbody th{font-weight:400;vertical-align:baseline;max-width:14rem}
.scores tr.up td:nth-child(4),.gains tr.up td:nth-child(2){font-weight:700;color:var(--good)}
.scores tr.down td:nth-child(4),.gains tr.down td:nth-child(2){font-weight:700;color:var(--bad)}
.scores tr.up td:nth-child(4)::before,.gains tr.up td:nth-child(2)::before{content:"▲ "}
.scores tr.down td:nth-child(4)::before,.gains tr.down td:nth-child(2)::before{content:"▼ "}
tr.total>*{font-weight:600;border-top:1px solid var(--dim)}tr.total+tr.total>*{border-top:0}
tr.lost>*{color:var(--bad);font-weight:700}
.beside{table-layout:fixed;width:100%;min-width:36rem}.beside td{white-space:normal;overflow-wrap:anywhere}
.beside th{max-width:none;overflow-wrap:anywhere}.beside th:first-child{width:28%}.beside th:nth-child(4){width:12%}
.words th{text-align:left}
.words td{text-align:left;vertical-align:baseline;white-space:normal;overflow-wrap:anywhere;min-width:6rem}
.steps td{min-width:0}.steps td:nth-child(n+2):nth-child(-n+4){white-space:nowrap}
.steps td:nth-child(5){min-width:14rem}
.battery tbody th{white-space:nowrap}
.battery td span{display:inline-grid;grid-template-columns:auto 11em;column-gap:.7em;align-items:baseline}
.battery td b{font:600 1em/1 ui-monospace,monospace;letter-spacing:.12em}
.battery td small{font-size:1em;color:var(--dim)}
.battery th:not(:first-child){text-align:right}
.matrix td:has(span){padding:0}.matrix span{display:block;padding:.28rem .5rem;
background:color-mix(in srgb,var(--series-1) calc(var(--share)*42%),transparent)}
.battery tbody th{max-width:none}
figure{margin:1rem 0}figcaption{font-weight:600;font-size:.9rem}svg{max-width:100%;height:auto;display:block}
.turn{white-space:pre-wrap;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.8rem;margin-top:.5rem}
article{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;background:var(--soft);min-width:0}
.verdict{border-left:.3rem solid var(--open)}.verdict.passed{border-left-color:var(--good)}
.verdict.failed,.verdict.refused{border-left-color:var(--bad)}
details>.turn{margin:.6rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.45 ui-monospace,monospace;margin:.4rem 0}
details{margin:.3rem 0}summary{cursor:pointer;color:var(--dim);overflow-wrap:anywhere}
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
@media (max-width:40rem){nav{position:static}section{scroll-margin-top:0}main{padding:1rem .7rem 3rem}
figure{overflow-x:auto}svg{max-width:none;min-width:32rem}}
@media print{
:root{--ink:#000;--paper:#fff;--soft:#f6f6f6;--line:#bbb;--dim:#444;--good:#0b6b3a;--bad:#a4262c;--open:#7a5b00;
--series-0:#d55e00;--series-1:#0072b2;--series-2:#009e73;--series-3:#cc79a7;--series-4:#e69f00;--series-5:#56b4e9}
html{font-size:11px}main{max-width:none;padding:0}.wide{overflow:visible}nav{display:none}
.pair{grid-template-columns:repeat(auto-fit,minmax(11rem,1fr))}
figure,article,table,li,p{break-inside:avoid}h2,h3,h4,section>.note,figcaption,.turn,summary{break-after:avoid}
section>details:not(.settings)::details-content{content-visibility:visible;block-size:auto}.settings{display:none}}
"""
)
