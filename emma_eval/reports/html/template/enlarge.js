// An image enlarged over the page: in full resolution where the report keeps it, else its thumbnail.
const enlarged = { dialog: document.getElementById("enlarged"), sample: -1, place: 0 };

async function enlarge(sample, place) {
  Object.assign(enlarged, { sample, place });
  const { dialog } = enlarged;
  if (!dialog.open) dialog.showModal();
  const { images } = await details(sample);
  const full = await images[place].full().catch(() => null);
  if (enlarged.sample !== sample || enlarged.place !== place) return;  // another one was asked for meanwhile
  const shown = document.createElement("img");
  shown.alt = `Image ${place + 1} of sample ${store.id[sample]}`;
  shown.src = full ?? images[place].thumbnail;
  shown.onload = () => {
    const size = `${shown.naturalWidth} × ${shown.naturalHeight}`;
    const several = images.length > 1 ? `image ${place + 1} of ${images.length}, ` : "";
    const by = images[place].caption ? `, ${images[place].caption}` : "";
    const note = full ? "" : ", a thumbnail: report --full-images keeps the image itself";
    document.getElementById("enlarged-size").textContent = `${several}${size} pixels${by}${note}`;
  };
  document.getElementById("enlarged-image").replaceChildren(shown);
  document.getElementById("enlarged-question").textContent = store.question[sample];
}

async function enlargeNeighbour(step) {
  const { images } = await details(enlarged.sample);
  const place = enlarged.place + step;
  if (images[place]?.thumbnail) enlarge(enlarged.sample, place);
}

if (store) {
  enlarged.dialog.addEventListener("click", (event) => {
    if (event.target === enlarged.dialog || event.target.closest("button, img")) enlarged.dialog.close();
  });
  enlarged.dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") enlargeNeighbour(1);
    if (event.key === "ArrowLeft") enlargeNeighbour(-1);
  });
}
