// Operations around a failure as a zoomable picture: style and script are fixed, the data is JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "harness/core/json.h"
#include "harness/report/figures.h"

namespace riven::report {

namespace {

constexpr const char* kStyle = R"~(<style>
#ID{font:13px/1.4 system-ui,sans-serif;color:#1d2530;background:#fff;border:1px solid #d8dee6;border-radius:6px}
#ID .head{padding:10px 14px;border-bottom:1px solid #e6eaf0}
#ID .head b{font-weight:600}
#ID .keys{color:#566171;font-size:12px;margin-top:4px}
#ID .keys i{display:inline-block;width:18px;height:10px;border-radius:2px;margin:0 5px 0 12px;vertical-align:-1px}
#ID .keys i:first-child{margin-left:0}
#ID button{font:inherit;font-size:12px;padding:2px 9px;margin-left:6px;border:1px solid #c3ccd7;border-radius:4px;
 background:#f6f8fa;cursor:pointer}
#ID svg{display:block;width:100%;cursor:grab;touch-action:none;user-select:none}
#ID text{font:12px system-ui,sans-serif;fill:#1d2530}
#ID .axis text,#ID .name{fill:#6a7585;font-size:11px}
#ID .tip{position:absolute;pointer-events:none;background:#1d2530;color:#fff;padding:6px 9px;border-radius:4px;
 font-size:12px;max-width:420px;display:none;z-index:9;white-space:pre-line}
</style>)~";

constexpr const char* kBody =
    R"~(<div id="ID" style="position:relative"><div class="head"><span style="float:right">
<button data-a="in">zoom in</button><button data-a="out">zoom out</button>
<button data-a="fail">failure</button><button data-a="all">all</button></span><b></b><div class="facts"></div><div class="keys">
<i style="background:#dbe7f5;border:1px solid #8fb0d6"></i>operation, from invocation to return
<i style="background:#fbd5d0;border:1px solid #c8352b"></i>part of the conflict
<i style="background:repeating-linear-gradient(45deg,#eef0f3 0 3px,#d5dae1 3px 6px)"></i>crashed: may happen at any later time
<span style="margin-left:12px;color:#27704a">&#9679;</span> order of the longest partial linearization
<span style="margin-left:12px;color:#c8352b">&#10005;</span> not possible next. Scroll to zoom, drag to move.
</div></div><svg></svg><div class="tip"></div></div>)~";

constexpr const char* kScript = R"~(<script>(function(){
var D=DATA,R=document.getElementById("ID"),S=R.querySelector("svg"),T=R.querySelector(".tip");
var N="http://www.w3.org/2000/svg",L=110,H=26,TOP=24,W=S.clientWidth||1000,n=D.lanes.length;
var O=D.operations.map(function(o){return{lane:o.l,from:o.f,to:o.t,title:o.n,core:o.c,illegal:o.x,point:o.p,step:o.s,
 state:o.z===undefined?"":(o.x?"not possible after state ":"state after it: ")+o.z}});
var height=TOP+n*H+14,min=Infinity,max=-Infinity;
R.querySelector("b").textContent=D.sentence;
R.querySelector(".facts").textContent=D.facts;
S.setAttribute("height",height);
O.forEach(function(o){var m=/ by process (-?\d+)$/.exec(o.title);o.label=o.title.slice(0,m.index);o.process=m[1];min=Math.min(min,o.from);max=Math.max(max,o.to===null?o.from:o.to)});
max=Math.max(max,min+0.001);
var pad=(max-min)*0.02,a=min-=pad,b=max+=pad,drag=null,due=false;
var byLane=D.lanes.map(function(){return[]}),steps=O.filter(function(o){return o.step});
O.forEach(function(o){byLane[o.lane].push(o)});
steps.sort(function(u,v){return u.step-v.step});
// A crashed operation is drawn up to the next one in its lane.
var next=[];
O.slice().sort(function(u,v){return v.from-u.from}).forEach(function(o){
 if(o.to===null)o.until=next[o.lane];
 next[o.lane]=o.from});
function failure(){
 var lo=D.failureMs,hi=D.failureMs,near=O.filter(function(o){return o.from<=D.failureMs&&o.to!==null});
 near.sort(function(u,v){return u.from-v.from});
 near=near[Math.max(0,near.length-30)];
 if(near)lo=Math.min(lo,near.from);
 O.forEach(function(o){if(!o.core)return;
  if(D.failureMs-o.from<8*(D.failureMs-lo)+1e-3)lo=Math.min(lo,o.from);
  if(o.to!==null)hi=Math.max(hi,Math.min(o.to,D.failureMs+(D.failureMs-lo)))});
 var s=Math.max((hi-lo)*0.12,(max-min)*1e-4);
 a=lo-s;b=hi+s}
function x(t){return L+(t-a)/(b-a)*(W-L-10)}
function el(k,p,c){var e=document.createElementNS(N,k);for(var q in p)e.setAttribute(q,p[q]);(c||S).appendChild(e);return e}
function axis(){
 var g=el("g",{"class":"axis"}),span=b-a,step=Math.pow(10,Math.floor(Math.log10(span/4)));
 if(span/step>20)step*=5;else if(span/step>8)step*=2;
 var digits=Math.max(0,Math.min(6,-Math.floor(Math.log10(step)+1e-9)));
 for(var t=Math.ceil(a/step)*step;t<b;t+=step){
  el("line",{x1:x(t),x2:x(t),y1:TOP-4,y2:height,stroke:"#eef1f5"},g);
  el("text",{x:x(t),y:14,"text-anchor":"middle"},g).textContent=t.toFixed(digits)+D.unit}}
function at(t){return D.unit?t.toFixed(3)+D.unit:"entry "+t}
function tip(o,e){
 var q=R.getBoundingClientRect();
 T.textContent=o.title+"\n"+at(o.from)+" to "+(o.to===null?"(crashed)":
  at(o.to)+(D.unit?", took "+at(o.to-o.from):""))+
  (o.step?"\nstep "+o.step+" of the partial linearization":"")+(o.state?"\n"+o.state:"");
 T.style.display="block";
 T.style.left=Math.max(0,Math.min(e.clientX-q.left+14,q.width-T.offsetWidth-8))+"px";
 T.style.top=(e.clientY-q.top+16)+"px"}
function box(o,g){
 var end=o.to!==null?o.to:o.until===undefined?b:o.until;
 if(end<a||o.from>b)return;
 var x0=Math.max(x(o.from),L-40),x1=Math.max(Math.min(x(end),W+40),x0+2),y=TOP+o.lane*H+4,bad=o.core||o.illegal;
 var r=el("rect",{x:x0,y:y,width:x1-x0,height:H-8,rx:3,
  fill:o.to===null?"url(#ID-crash)":bad?"#fbd5d0":"#dbe7f5",
  stroke:bad?"#c8352b":o.to===null?"#aab3bf":"#8fb0d6","stroke-width":bad?1.6:1},g);
 if(o.to===null)r.setAttribute("stroke-dasharray","3 2");
 var fit=Math.floor((Math.min(x1,W)-Math.max(x0,L)-(o.illegal?22:8))/6.6);
 if(fit>=7||o.label.length<=fit)el("text",{x:Math.max(x0,L)+5,y:y+13,"pointer-events":"none"},g).textContent=
  o.label.length>fit?o.label.slice(0,fit-1)+"\u2026":o.label;
 if(o.illegal)el("text",{x:Math.min(x1,W-14)-14,y:y+13,style:"fill:#c8352b;font-weight:700","pointer-events":"none"},g)
  .textContent="\u2715";
 r.addEventListener("mousemove",function(e){tip(o,e)});
 r.addEventListener("mouseleave",function(){T.style.display="none"})}
// The order of the linearization, where it is not too dense to be followed.
function order(g){
 var last=-Infinity,path="",pts=[],before=null;
 steps.forEach(function(o){
  var px=Math.max(x(o.point)+2,last);
  if(o.to!==null)px=Math.max(Math.min(px,x(o.to)-2),last);
  last=px;o.px=px;o.py=TOP+o.lane*H+H-6;
  if(px<=L-5){before=o;return}
  if(px>=W+5)return;
  if(!pts.length&&before)path="M"+before.px.toFixed(1)+" "+before.py;
  path+=(path?"L":"M")+px.toFixed(1)+" "+o.py;
  pts.push(o)});
 if(pts.length>W*0.6)return;
 if(path)el("path",{d:path,fill:"none",stroke:"#27704a","stroke-opacity":pts.length>W*0.2?0.15:0.4,"stroke-width":1.2,"pointer-events":"none"},g);
 if(pts.length<W*0.4)pts.forEach(function(o){el("circle",{cx:o.px,cy:o.py,r:2.6,fill:"#27704a","pointer-events":"none"},g)})}
// A lane goes to another process when its own has crashed: named by those in view.
function laneName(i){
 var seen=[];
 byLane[i].forEach(function(o){
  if(o.from<b&&(o.to===null?o.from:o.to)>a&&seen.indexOf(o.process)<0)seen.push(o.process)});
 if(!seen.length)return D.lanes[i];
 return(seen.length>1?"":"process ")+(seen.length>3?seen.slice(0,2).concat("\u2026",seen[seen.length-1]):seen).join(", ")}
function draw(){
 W=S.clientWidth||1000;S.textContent="";
 var defs=el("defs",{}),p=el("pattern",{id:"ID-crash",width:6,height:6,patternUnits:"userSpaceOnUse",
  patternTransform:"rotate(45)"},defs);
 el("rect",{width:6,height:6,fill:"#eef0f3"},p);el("rect",{width:3,height:6,fill:"#d5dae1"},p);
 el("rect",{x:L,y:0,width:Math.max(0,W-L),height:height},el("clipPath",{id:"ID-clip"},defs));
 axis();
 for(var i=0;i<n;i++){
  el("line",{x1:0,x2:W,y1:TOP+i*H+H,y2:TOP+i*H+H,stroke:"#f0f2f5"});
  el("text",{"class":"name",x:12,y:TOP+i*H+17}).textContent=laneName(i)}
 var g=el("g",{"clip-path":"url(#ID-clip)"});
 el("line",{x1:x(D.failureMs),x2:x(D.failureMs),y1:TOP-4,y2:height,stroke:"#c8352b","stroke-dasharray":"4 3"},g);
 O.forEach(function(o){box(o,g)});
 order(g)}
function soon(){
 if(due)return;
 due=true;requestAnimationFrame(function(){due=false;draw()})}
function zoom(f,c){
 if((b-a)*f>4*(max-min)||(b-a)*f<1e-6)return;
 a=c-(c-a)*f;b=c+(b-c)*f;soon()}
S.addEventListener("wheel",function(e){
 e.preventDefault();
 var q=S.getBoundingClientRect();
 zoom(e.deltaY>0?1.25:0.8,a+(e.clientX-q.left-L)/(W-L-10)*(b-a))},{passive:false});
S.addEventListener("pointerdown",function(e){drag=[e.clientX,a,b];S.style.cursor="grabbing"});
window.addEventListener("pointermove",function(e){
 if(!drag)return;
 var d=(e.clientX-drag[0])/(W-L-10)*(drag[2]-drag[1]);
 a=drag[1]-d;b=drag[2]-d;soon()});
window.addEventListener("pointerup",function(){drag=null;S.style.cursor="grab"});
R.addEventListener("click",function(e){
 var k=e.target.getAttribute&&e.target.getAttribute("data-a");
 if(k=="in")zoom(0.6,(a+b)/2);
 if(k=="out")zoom(1.7,(a+b)/2);
 if(k=="all"){a=min;b=max;draw()}
 if(k=="fail"){failure();draw()}});
window.addEventListener("resize",draw);
failure();draw()})();</script>)~";

std::string with(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

void add_text(const std::string& what, std::string& text) {
  const bool plain = std::all_of(what.begin(), what.end(),
                                 [](char c) { return c >= ' ' && c < 127 && c != '"' && c != '\\'; });
  text += plain ? '"' + what + '"' : Json(what).dump_ascii();
}

/// Milliseconds with six places.
void add_ms(int64_t ns, std::string& text) {
  char number[40];
  std::snprintf(number, sizeof number, "%s%lld.%06lld", ns < 0 ? "-" : "",
                static_cast<long long>(std::abs(ns / 1'000'000)),
                static_cast<long long>(std::abs(ns % 1'000'000)));
  text += number;
}

/// With names of one letter, which the script spells out: there are thousands.
void add_operation(const LaneOperation& op, std::string& text) {
  text += "{\"l\":" + std::to_string(op.lane) + ",\"f\":";
  add_ms(op.begin_ns, text);
  text += ",\"t\":";
  if (op.end_ns) {
    add_ms(*op.end_ns, text);
  } else {
    text += "null";
  }
  text += ",\"n\":";
  add_text(op.name, text);
  if (op.in_conflict) text += ",\"c\":1";
  if (op.impossible_next) text += ",\"x\":1";
  if (op.step > 0) {
    text += ",\"p\":";
    add_ms(op.point_ns, text);
    text += ",\"s\":" + std::to_string(op.step);
  }
  if (op.impossible_next || op.step > 0) {
    text += ",\"z\":";
    add_text(op.state, text);
  }
  text += "}";
}

/// Thousands of operations, so written piece by piece.
std::string data_of(const LanesFigure& figure) {
  Json head;
  head["sentence"] = figure.sentence;
  head["failureMs"] = static_cast<double>(figure.failure_ns) / 1e6;
  head["unit"] = figure.timed ? " ms" : "";
  head["facts"] = figure.facts;
  head["lanes"] = figure.lanes;
  std::string text = head.dump_ascii();
  text.pop_back();
  text += ",\"operations\":[";
  for (size_t i = 0; i < figure.operations.size(); ++i) {
    if (i > 0) text += ',';
    add_operation(figure.operations[i], text);
  }
  return text + "]}";
}

}  // namespace

std::string lanes_figure_html(const std::string& id, const LanesFigure& figure) {
  const std::string data = data_of(figure);
  // Inside a script element, only "</" could end it.
  const std::string json = data.find("</") == std::string::npos ? data : with(data, "</", "<\\/");
  std::string html = with(std::string(kStyle) + kBody + kScript, "ID", id);
  const size_t at = html.find("DATA");
  return html.replace(at, 4, json);
}

}  // namespace riven::report
