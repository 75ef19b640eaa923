const nodes = () => document.querySelectorAll("details.node");
const openAll = (open) => nodes().forEach((node) => { node.open = open; });
const reveal = (node) => {
  for (let at = node; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
};
const showRight = () => {
  openAll(false);
  document.querySelectorAll("details.node.way").forEach((node) => { node.open = true; });
};
const follow = () => {
  const node = document.getElementById(location.hash.slice(1));
  if (node) { reveal(node); node.scrollIntoView({ block: "center" }); }
};
document.getElementById("all").onclick = () => openAll(true);
document.getElementById("none").onclick = () => openAll(false);
document.getElementById("way").onclick = showRight;
addEventListener("hashchange", follow);
follow();
