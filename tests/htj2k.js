// Encodes one greyscale frame of 16 bits as HTJ2K without loss: a stand-in for an encoder that
// may be installed beside the product. node tests/htj2k.js COLUMNS ROWS < pixels > codestream
const fs = require('fs');
const { Context, NativeCodecs } = require('dcmjs-codecs');

(async () => {
  await NativeCodecs.initializeAsync();
  const [columns, rows] = process.argv.slice(2).map(Number);
  const context = new Context({
    width: columns,
    height: rows,
    bitsAllocated: 16,
    bitsStored: 16,
    samplesPerPixel: 1,
    pixelRepresentation: 0,
    planarConfiguration: 0,
    photometricInterpretation: 'MONOCHROME2',
    decodedBuffer: new Uint8Array(fs.readFileSync(0)),
  });
  const coded = NativeCodecs.encodeHtJpeg2000(context, { lossy: false });
  fs.writeSync(1, coded.getEncodedBuffer());
})();
