// Style sheet and script of report.html, inline: the page loads nothing.
#pragma once

#include <string_view>

namespace riven::report {

inline constexpr std::string_view kStyleSheet = R"css(
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1c2128;--soft:#5c6672;--line:#dfe3e8;--tint:#f1f3f6;
--ok:#2f7fd6;--info:#d98a00;--fail:#d0265f;--valid:#1a7f45;--unknown:#a86500;--invalid:#c62839;
--valid-bg:#e8f6ed;--unknown-bg:#fdf3dd;--invalid-bg:#fdeaec;--link:#1d5fb8;
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media(prefers-color-scheme:dark){:root{--paper:#12161b;--card:#1a1f26;--ink:#e6e9ed;--soft:#9aa4b0;--line:#313842;
--tint:#222932;--ok:#5aa5f2;--info:#f0ad3d;--fail:#ff5c8d;--valid:#4fc27d;--unknown:#f0b44a;--invalid:#ff6b78;
--valid-bg:#14291d;--unknown-bg:#2d2412;--invalid-bg:#331a1e;--link:#7db4ff}}
*{box-sizing:border-box}
html{scroll-padding-top:56px;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,.top,nav ul,footer{max-width:1120px;margin:0 auto;padding:0 20px}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
h1,h2,h3,p{margin:0}h2{font-size:19px;margin:36px 0 12px}h3{font-size:15.5px;margin:20px 0 6px}
code,.mono,pre{font-family:var(--mono);font-size:.87em}
.top{display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline;padding-top:22px;padding-bottom:14px}
.top b{letter-spacing:.02em}.top h1{font-size:17px;font-weight:600;overflow-wrap:anywhere}.top .soft{margin-left:auto}
.soft{color:var(--soft)}
nav{position:sticky;top:0;z-index:3;background:var(--paper);border-bottom:1px solid var(--line);margin-top:22px}
nav ul{display:flex;gap:20px;list-style:none;overflow-x:auto;padding-top:9px;padding-bottom:9px}
nav a{color:var(--soft);white-space:nowrap}nav a:hover{color:var(--ink)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 20px;margin:0 0 14px}
.verdict{border-left:6px solid;padding:20px 24px}
.verdict .word{font-size:28px;font-weight:700;letter-spacing:.01em;line-height:1.2}
.verdict .why{font-size:16.5px;margin-top:6px;overflow-wrap:anywhere}
.verdict .facts{display:flex;flex-wrap:wrap;gap:2px 22px;margin-top:12px;color:var(--soft)}
.facts b{color:var(--ink);font-weight:600}
.valid{--v:var(--valid);--vb:var(--valid-bg)}.unknown{--v:var(--unknown);--vb:var(--unknown-bg)}
.invalid{--v:var(--invalid);--vb:var(--invalid-bg)}
.verdict.valid,.verdict.unknown,.verdict.invalid{border-left-color:var(--v);background:linear-gradient(90deg,var(--vb),var(--card) 70%)}
.verdict .word{color:var(--v)}
.chip{display:inline-block;padding:1px 9px;border-radius:20px;font-size:12.5px;font-weight:600;color:var(--v);background:var(--vb);
white-space:nowrap;vertical-align:1px}
.cmd{display:flex;gap:10px;align-items:flex-start;background:var(--tint);border-radius:8px;padding:9px 12px;margin-top:8px}
.cmd code{flex:1;overflow-wrap:anywhere;white-space:pre-wrap;padding-top:2px}
.cmd span{color:var(--soft);white-space:nowrap;min-width:72px}
button{font:inherit;font-size:13px;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:6px;
padding:2px 12px;cursor:pointer}button:hover{border-color:var(--soft)}button:focus-visible,a:focus-visible,
summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.scroll{overflow-x:auto;margin:8px -20px 0;padding:0 20px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--soft);text-align:left;font-size:12.5px;white-space:nowrap}
th,td{padding:5px 20px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}td:last-child,th:last-child{padding-right:0}
td.n,th.n{text-align:right;white-space:nowrap}td.v{font-family:var(--mono);font-size:12.5px;overflow-wrap:anywhere;min-width:9em;width:45%;line-height:1.68}
td.w{white-space:nowrap}
.type{font-weight:600}.type.ok{color:var(--ok)}.type.fail{color:var(--fail)}.type.info{color:var(--info)}.type.invoke{color:var(--soft)}
ul.s{margin:6px 0 10px;padding-left:20px}ul.s li{margin:3px 0;overflow-wrap:anywhere}
.anomaly{border-top:1px solid var(--line);margin-top:14px;padding-top:12px}
.anomaly h3{margin-top:0}.anomaly h3 small{font-weight:400;color:var(--soft);margin-left:8px}
.term{color:var(--soft);font-size:14px}
details>summary{cursor:pointer;color:var(--link);margin:6px 0}
pre{background:var(--tint);border-radius:8px;padding:10px 12px;overflow:auto;max-height:420px;margin:6px 0;white-space:pre-wrap;
overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.cols{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:0 28px}
.bar{display:flex;height:8px;border-radius:4px;overflow:hidden;background:var(--tint);min-width:90px;margin-top:7px}
.bar i{display:block;height:8px}
.bad{color:var(--invalid);font-weight:600}.good{color:var(--valid)}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:7px}
svg text{font:11.5px system-ui,sans-serif;fill:var(--soft)}
.lanes,.witness{display:block;width:100%;min-width:640px;height:auto}
.witness .op text,.witness text.op{fill:var(--ink)}
footer{color:var(--soft);font-size:13px;padding-top:26px;padding-bottom:40px}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--card);font-size:12.5px;line-height:1.45;
border-radius:7px;padding:7px 10px;white-space:pre-line;max-width:400px;display:none;box-shadow:0 4px 16px #0003}
@media(max-width:640px){main,.top,nav ul,footer{padding-left:14px;padding-right:14px}.card{padding:14px}
.scroll{margin:8px -14px 0;padding:0 14px}.verdict{padding:16px}.verdict .word{font-size:24px}.cmd{flex-wrap:wrap}
.cmd code{flex-basis:100%;order:3}.cmd span{flex:1}.top .soft{margin-left:0}dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--tint:#f4f4f4}
nav,button,#tip{display:none!important}body{font-size:12px}.card{break-inside:auto;border-radius:0}tr,figure,svg{break-inside:avoid}
.scroll,.s{overflow:visible}pre{max-height:none}main{max-width:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";

inline constexpr std::string_view kScript = R"js(
(function(){
document.querySelectorAll('button[data-copy]').forEach(function(b){b.addEventListener('click',function(){
var code=b.parentNode.querySelector('code'),text=code.textContent;
function said(){b.textContent='Copied';setTimeout(function(){b.textContent='Copy'},1500)}
function select(){var r=document.createRange();r.selectNodeContents(code);var s=getSelection();s.removeAllRanges();s.addRange(r);
try{if(document.execCommand('copy'))said()}catch(e){}}
if(navigator.clipboard&&navigator.clipboard.writeText)navigator.clipboard.writeText(text).then(said,select);else select()})});
var tip=document.getElementById('tip'),held=null;
function move(e){var w=tip.offsetWidth,h=tip.offsetHeight,x=e.clientX+14,y=e.clientY+16;
if(x+w>innerWidth-8)x=e.clientX-w-14;if(y+h>innerHeight-8)y=e.clientY-h-12;
tip.style.left=Math.max(4,x)+'px';tip.style.top=Math.max(4,y)+'px'}
document.querySelectorAll('svg title').forEach(function(t){var p=t.parentNode;p.setAttribute('data-tip',t.textContent);
t.remove();p.setAttribute('aria-label',p.getAttribute('data-tip'))});
document.addEventListener('pointermove',function(e){var p=e.target.closest?e.target.closest('[data-tip]'):null;
if(p!==held){held=p;tip.style.display=p?'block':'none';if(p)tip.textContent=p.getAttribute('data-tip')}if(p)move(e)});
document.addEventListener('scroll',function(){held=null;tip.style.display='none'},{passive:true});
addEventListener('beforeprint',function(){document.querySelectorAll('details').forEach(function(d){d.open=true})});
})();
)js";

}  // namespace riven::report
