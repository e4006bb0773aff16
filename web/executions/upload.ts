// An image from this machine to an analysis: a place for it, its bytes, and the start. Knows the document's form.
import { byId } from '../shared/element.ts';
import { callTool, here } from '../shared/mcp-call.ts';

interface Upload {
  upload_id: string;
  url: string;
}

/** A file that is dropped anywhere on the page, or chosen, is sent and looked at; then its page opens. */
export function takeUploads(): void {
  const form = byId('upload', HTMLFormElement);
  const zone = byId('drop', HTMLElement);
  const chosen = byId('image', HTMLInputElement);
  const words = byId('look-for', HTMLInputElement);
  const state = byId('upload-state', HTMLElement);
  const [sending, bar] = [byId('sending', HTMLElement), byId('sent', HTMLProgressElement)];
  let busy = false;

  const tell = (text: string, failed = false) => {
    state.textContent = text;
    state.classList.toggle('warning', failed);
  };
  const take = async (files: readonly File[]) => {
    const [file] = files;
    if (!file || busy) return;
    if (files.length > 1) {
      tell(`Expected one image, got ${files.length}. Drop them one at a time.`, true);
      return;
    }
    busy = true;
    sending.hidden = false;
    try {
      await analyze(file, words.value.trim(), (share) => {
        bar.value = share;
        tell(share < 1 ? `Sending ${file.name}: ${Math.floor(share * 100)} %` : `Starting the analysis of ${file.name} …`);
      });
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error), true);
    } finally {
      busy = false;
      sending.hidden = true;
      chosen.value = ''; // the same file may be chosen again
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    chosen.click();
  });
  chosen.addEventListener('change', () => void take([...(chosen.files ?? [])]));
  // Without these the browser would leave the page and show the file.
  addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) zone.classList.remove('over');
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    void take([...(event.dataTransfer?.files ?? [])]);
  });
}

async function analyze(file: File, lookFor: string, onSent: (share: number) => void): Promise<void> {
  if (file.size === 0) throw new Error(`Expected an image, got ${file.name}, which is empty or a folder. Choose a file.`);
  onSent(0);
  const { upload_id, url } = await callTool<Upload>('create_upload', { file_name: file.name.slice(-200), bytes: file.size });
  await send(file, here(url), onSent);
  const wishes = lookFor === '' ? {} : { look_for: lookFor };
  const { execution_id } = await callTool<{ execution_id: string }>('analyze_image', { image: upload_id, ...wishes });
  location.assign(`/executions/${execution_id}`);
}

/** XMLHttpRequest, as fetch does not tell how much of a body has been sent. */
function send(file: File, path: string, onSent: (share: number) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = new XMLHttpRequest();
  request.upload.addEventListener('progress', ({ loaded }) => onSent(Math.min(1, loaded / file.size)));
  request.addEventListener('load', () => {
    if (request.status < 300) resolve();
    else reject(new Error(request.responseText.trim() || `The server refused the file (${request.status}).`));
  });
  request.addEventListener('error', () =>
    reject(new Error('The file could not be sent: the connection broke off. Is the server still running? Try again.')),
  );
  request.open('PUT', path);
  request.send(file);
  return promise;
}
