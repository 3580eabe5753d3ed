// Opened from a folder, a page may start no worker, which the search needs: a hidden frame does its work there.
class FrameWorker extends EventTarget {
  constructor(url) {
    super()
    this.frame = document.createElement("iframe")
    this.frame.hidden = true
    this.ready = new Promise(resolve => {
      this.frame.onload = () => {
        this.frame.onload = null
        const scope = this.frame.contentWindow
        scope.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
        const script = scope.document.createElement("script")
        script.src = url
        script.onload = () => resolve(scope)
        scope.document.body.append(script)
      }
    })
    document.body.append(this.frame)
  }

  postMessage(data) {
    this.ready.then(scope => scope.dispatchEvent(new scope.MessageEvent("message", { data })))
  }

  terminate() {
    this.frame.remove()
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker
