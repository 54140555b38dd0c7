//! Every scheme against ale-py 0.12.1: long random sequences of reads and writes, and the bytes that ale-py read.
//!
//! Each session is a cartridge whose program reads and writes a list of addresses and stores the bytes read in RIOT
//! RAM, from where `getRAM` returns them. The same list is given to [`Cartridge`] here, without a CPU. The image loads
//! as game "enduro" by its file name. ALE resets the console three times while loading and lets the program run after
//! the first and the third.
//!
//! To measure again: `MEASURE_INTO=dir cargo test -p atari-emulator answers_random_accesses` also writes the images to
//! `dir/<session>/enduro.bin`; load each with ale-py and print `bytes(getRAM()).hex()`. For `cv_2k` set
//! `MALLOC_PERTURB_=255`, or ale-py crashes (see `commavid.rs`).

use super::{detect, Cartridge, Scheme};
use crate::random::MersenneTwister;
use std::fmt::Write as _;
use std::ops::Range;

const RIOT_RAM: usize = 128;
const CONSOLE_SEED: u32 = 4_753_849;

/// A small generator, so that images and address lists need no files.
struct Lcg(u32);

impl Lcg {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % limit
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Read { address: u16, stored: bool },
    Write { address: u16, value: u8 },
}

struct Session {
    name: &'static str,
    scheme: Scheme,
    size: usize,
    /// The program's address in the window, and for each of its copies the image offset that $F000 shows while the copy
    /// runs.
    code: u16,
    bases: &'static [isize],
    operations: usize,
    /// Addresses to touch: first a range is chosen, then an address in it, then (for the window) a mirror.
    targets: &'static [Range<u16>],
    /// Bytes the image needs in certain places.
    marks: &'static [(usize, &'static [u8])],
    /// RIOT RAM in ale-py, in hexadecimal.
    want: &'static str,
}

impl Session {
    fn operations(&self) -> Vec<Operation> {
        let mut random = Lcg(self.size as u32 + self.operations as u32 + self.name.len() as u32);
        let mut stored_so_far = 0;
        let mut operations = Vec::new();
        if self.scheme == Scheme::Mc {
            // ALE's registers hold anything at power-on, and the program is in the last block.
            let blocks = [(0x3C, 0x81), (0x3D, 0x05), (0x3E, 0xC2), (0x3F, 0xFF)];
            operations.extend(blocks.map(|(address, value)| Operation::Write { address, value }));
        }
        while operations.len() < self.operations {
            let target = &self.targets[random.below(self.targets.len())];
            let mut address = target.start + random.below(target.len()) as u16;
            if address & 0x1000 != 0 {
                address ^= (random.below(8) as u16) << 13;
            }
            let value = random.below(256) as u8;
            let operation = if random.below(2) == 0 {
                Operation::Write { address, value }
            } else {
                let answers_low =
                    matches!(self.scheme, Scheme::ThreeF | Scheme::ThreeE | Scheme::Mc) && address & 0x1FFF < 0x40;
                let stored = address & 0x1000 != 0 || answers_low;
                if stored && stored_so_far == RIOT_RAM {
                    continue;
                }
                stored_so_far += usize::from(stored);
                Operation::Read { address, stored }
            };
            operations.push(operation);
        }
        operations
    }

    fn program(&self) -> Vec<u8> {
        let mut program = Vec::new();
        let mut result = 0x80;
        for operation in self.operations() {
            match operation {
                Operation::Read { address, stored } => {
                    let [low, high] = address.to_le_bytes();
                    program.extend([0xAD, low, high]);
                    if stored {
                        program.extend([0x85, result]);
                        result = result.wrapping_add(1);
                    }
                }
                Operation::Write { address, value } => {
                    let [low, high] = address.to_le_bytes();
                    program.extend([0xA9, value, 0x8D, low, high]);
                }
            }
        }
        let [low, high] = (self.code + program.len() as u16).to_le_bytes();
        program.extend([0x4C, low, high]);
        program
    }

    fn image(&self) -> Vec<u8> {
        let mut random = Lcg(self.size as u32);
        let mut image: Vec<u8> = (0..self.size).map(|_| random.below(256) as u8).collect();
        if matches!(self.scheme, Scheme::F8Sc | Scheme::F6Sc | Scheme::F4Sc) {
            for (number, bank) in image.chunks_mut(4096).enumerate() {
                bank[..256].fill(0xA0 + number as u8);
            }
        }
        if self.scheme == Scheme::E7 {
            image[0x3800..0x3A00].fill(0x77);
        }
        for (offset, bytes) in self.marks {
            image[*offset..][..bytes.len()].copy_from_slice(bytes);
        }
        let program = self.program();
        for base in self.bases {
            let at = |address: u16| (base + isize::try_from(address & 0xFFF).unwrap()) as usize;
            let room = at(0xFFE0) - at(self.code);
            assert!(program.len() <= room, "{}: {} > {room}", self.name, program.len());
            image[at(self.code)..][..program.len()].copy_from_slice(&program);
            image[at(0xFFFC)..][..2].copy_from_slice(&self.code.to_le_bytes());
        }
        image
    }

    fn run(&self, cartridge: &mut Cartridge, ram: &mut [u8; RIOT_RAM]) {
        cartridge.read(0xFFFC, 0);
        cartridge.read(0xFFFD, 0);
        let mut cycles = 0;
        let mut results = ram.iter_mut();
        for operation in self.operations() {
            match operation {
                Operation::Read { address, stored } => {
                    cycles += 4;
                    let byte = if address & 0x1000 != 0 {
                        Some(cartridge.read(address, cycles))
                    } else {
                        cartridge.read_low(address)
                    };
                    assert_eq!(byte.is_some(), stored);
                    if let Some(byte) = byte {
                        cycles += 3;
                        *results.next().unwrap() = byte;
                    }
                }
                Operation::Write { address, value } => {
                    cycles += 6;
                    if address & 0x1000 != 0 {
                        cartridge.write(address, value, cycles);
                    } else {
                        cartridge.write_low(address, value);
                    }
                }
            }
        }
    }

    fn found(&self) -> String {
        let image = self.image();
        assert_eq!(detect::scheme_of(&image, ""), Ok(self.scheme), "{}", self.name);
        let mut cartridge = Cartridge::new(image.into(), self.scheme, "");
        let mut random = MersenneTwister::new(CONSOLE_SEED);
        let mut ram = [0; RIOT_RAM];
        for byte in &mut ram {
            *byte = random.draw() as u8;
        }
        random.draw(); // the timer, when the RIOT is created
        for run in [true, false, true] {
            random.draw(); // the timer, reset before the cartridge
            cartridge.reset(&mut random, 0);
            if run {
                self.run(&mut cartridge, &mut ram);
            }
        }
        ram.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }
}

const WINDOW: Range<u16> = 0x1000..0x2000;

const SESSIONS: &[Session] = &[
    Session {
        name: "2k",
        scheme: Scheme::TwoK,
        size: 2048,
        code: 0xF900,
        bases: &[-2048],
        operations: 180,
        targets: &[WINDOW],
        marks: &[],
        want: "\
               20fbbddef6ad36727c18a9a965845c1618c6296c10ad9cbded2416f9a9a91eb2ad5b654dd102a3a9111addd7b9850231\
               4dade337a040def9ad53ecf52976ae6d1e11142ef333eefc858deb0c8f29c20a1744767e6c850814384467441fad0b77\
               a36c283851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "4k",
        scheme: Scheme::FourK,
        size: 4096,
        code: 0xF800,
        bases: &[0],
        operations: 240,
        targets: &[WINDOW],
        marks: &[],
        want: "\
               a3c25bedd1b81ef14b2d718d85ad928d20a329c2dcadc2127eeddf134c3152bfda834feb36a9f5559b7cf185faca886d\
               a3d5b12eb8f2e4c0a36f8cbc539801200906e944446c5c8da841cd8deff533701ed0dfafd3a948c4e15df11cad54adbb\
               45a98d3bb9855485d4dbe65da974714f08321e6103198d4e1dbf5b39ab146fc0",
    },
    Session {
        name: "f8",
        scheme: Scheme::F8,
        size: 8192,
        code: 0xF800,
        bases: &[0, 4096],
        operations: 240,
        targets: &[WINDOW, 0x1FF0..0x2000, 0x1FF8..0x1FFA],
        marks: &[],
        want: "\
               d8654c80c08028808072cf28b7f3172800f828283c50283f280cffd07ea9f4be2880722528702280cc88945c80284c5d\
               2bb588ab282822e6802b28808085fa2865fc28f03f28283c857280282880df80281d51f83c55cf802828693080f380b5\
               55fdc0f888285280f870fc2863ff8080fd28282865fa3f1688fe2880ab146fc0",
    },
    Session {
        name: "f6",
        scheme: Scheme::F6,
        size: 16384,
        code: 0xF800,
        bases: &[0, 4096, 8192, 12288],
        operations: 240,
        targets: &[WINDOW, 0x1FF0..0x2000, 0x1FF6..0x1FFA],
        marks: &[],
        want: "\
               f840e8d430e2ecd540538548e8e8b7e8adf8b3e8fa42b7df77ec64a57f2223e8e84040d5e840a98a0348ea05d5e8acc5\
               ecd5e8e82b48d899d5408ef9d5a2ecec85c1ec466fbf8fffe7d51daae8f840f86ab3114040158f15d7e8408440e84079\
               157a40f88d775480e885d5e823d7d592e8e885e8d5f8e785e8f8e7d5ab146fc0",
    },
    Session {
        name: "f4",
        scheme: Scheme::F4,
        size: 32768,
        code: 0xF800,
        bases: &[0, 4096, 8192, 12288, 16384, 20480, 24576, 28672],
        operations: 240,
        targets: &[WINDOW, 0x1FF0..0x2000, 0x1FF4..0x1FFC],
        marks: &[],
        want: "\
               208da3f222b24864b59fcf4cb6a3484b00f8a39f48b248a31fa34c4fdf57a3a31f4cdd2c02d1e62c7e8eebb520482c32\
               9c208da318feb5a920b2f9ff18f82c52e4200fa03ff746f94820ba1e2f20b506854ca320b0f67fb5a84cadf7b22cb560\
               bbd400f8b95f64b283b22c485a482cb2dc0ff71f14f8a3484c20f7adab146fc0",
    },
    Session {
        name: "f8sc",
        scheme: Scheme::F8Sc,
        size: 8192,
        code: 0xF800,
        bases: &[0, 4096],
        operations: 240,
        targets: &[0x1000..0x1100, 0x1000..0x1010, 0x1080..0x1090, 0x10F0..0x1200, 0x1FF0..0x2000],
        marks: &[],
        want: "\
               2c284225b0a0657057a5dfa0a0803aa0a04fe8c5a0fe0da0a2a0921e4263c35ea0a0df2d97f84225a0a0a0ba17fc2598\
               a0a06d05e5fcb4a0805fefdb0080dcca1425b044a19f5e1ca1313aa1b76cef6dbf80f63ca1a172a12527a1cca1f3b4a1\
               a124ff0d0080f827a18bbf8072a1a14448a17ba1a142ba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "f6sc",
        scheme: Scheme::F6Sc,
        size: 16384,
        code: 0xF800,
        bases: &[0, 4096, 8192, 12288],
        operations: 240,
        targets: &[0x1000..0x1100, 0x1000..0x1010, 0x1080..0x1090, 0x10F0..0x1200, 0x1FF0..0x2000],
        marks: &[],
        want: "\
               c3a01521b7b1e8a090a0dfa08b40b8d7e2b856b8a049b7e9a08e4b2cd5c3c35ea1c7a12b3ca1a1a11ca1a1a2c7a12c00\
               9ba1a13c2c15a19191a1b400eaa1a1dfa1e052a2a2508bba0760a34066a350a3a1a1a1750ee2eca1f49e48a121e4a1a1\
               6f4488a1001192a3c9a3b8f9a3c5a300f9a3a3a3e8a2ba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "f4sc",
        scheme: Scheme::F4Sc,
        size: 32768,
        code: 0xF800,
        bases: &[0, 4096, 8192, 12288, 16384, 20480, 24576, 28672],
        operations: 240,
        targets: &[0x1000..0x1100, 0x1000..0x1010, 0x1080..0x1090, 0x10F0..0x1200, 0x1FF0..0x2000],
        marks: &[],
        want: "\
               e948156e0df590a49031dfff8240c2a4c4a45727a9a3f7a0a8f4b81e96c35ba0c3f71fa0a080b8a0a04a85a0f715761a\
               6e24bf3fa0a0a0206fa5c800fefe4c431901f7a5a02c4c48caffa4a4f0a4a4cc48392ccf91a0b2b2a70d852ca1a1cfff\
               a132a1a1a1a1a1f7494d78399e6996dea06e0957a049ba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "fasc",
        scheme: Scheme::Fasc,
        size: 12288,
        code: 0xF800,
        bases: &[0, 4096, 8192],
        operations: 240,
        targets: &[0x1000..0x1200, 0x1000..0x1010, 0x1100..0x1110, 0x11F0..0x1300, 0x1FF0..0x2000],
        marks: &[],
        want: "\
               7f2935206843153f4d43af02a65feb689eebdfebdfb3cdf265652c07c532d3f66f68afb0c71615e9ffa4e9bf75fad275\
               84d1cf751dfa6c10e55779006565f11d648df7f747d4f1f8e68912073572d6bf4ebf2c7500f4e9d89d0773932095cf16\
               af80681c0000f868037e12fff92f777bb5848864111aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "e0",
        scheme: Scheme::E0,
        size: 8192,
        code: 0xFC00,
        bases: &[4096],
        operations: 190,
        targets: &[0x1000..0x1C00, 0x1FD0..0x2000, 0x1FE0..0x1FF8],
        marks: &[(0x300, &[0x8D, 0xE0, 0x1F])],
        want: "\
               1fb1ccb6a86f7785b33885b6b6c602b953cc942e5f551f6a85b100852cb60adf2c72323db907f66a275f272c0054cff8\
               3284b61ea9720acf564df854d21fb12c5fad03202cebd81f6fa7cc6ab5fcb3dc773385253cefef4832560d5cdaad0b77\
               a36c283851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "e7",
        scheme: Scheme::E7,
        size: 16384,
        code: 0xFA00,
        bases: &[12288],
        operations: 240,
        targets: &[
            0x1000..0x1800,
            0x1000..0x1008,
            0x1400..0x1408,
            0x1800..0x1A00,
            0x1800..0x1808,
            0x1900..0x1908,
            0x1FE0..0x1FE8,
            0x1FE0..0x1FF0,
            0x1FE7..0x1FEC,
        ],
        marks: &[],
        want: "\
               c303a09c77de267710ec71770adfee77eec3c6eaeede45cc97cc8947537777ff1e1e5fe8de7b997786778205825b9277\
               4545caa0fdfd77fd45039af51dd277dedf1410ee77777777ee9a772f107767d93a777128a3775c778fd8b7ee07d818df\
               777373c37571d9772ddf7f7777771677ca8e2f109fc3dc2f5a7763edab146fc0",
    },
    Session {
        name: "fe",
        scheme: Scheme::Fe,
        size: 8192,
        code: 0xF800,
        bases: &[0],
        operations: 240,
        targets: &[WINDOW],
        marks: &[(0x300, &[0x20, 0x00, 0xD0, 0xC6, 0xC5])],
        want: "\
               a8df1346688b985f8dd63483277185c7db552f784c50e81bb70cd7d06e88642e5c78c755828df2b7398ddf5cb16b415d\
               2be5391b00a908768d7b29896578fa527630850002178d3c85726e5783f8606a6e1de1c68c252665896e6940247024c9\
               29fdaf3be20452baa9b3d2abe5f9c60cfd453ed2befa4606d62e96c9ab146fc0",
    },
    Session {
        name: "cv_2k",
        scheme: Scheme::Cv,
        size: 2048,
        code: 0xF900,
        bases: &[-2048],
        operations: 180,
        targets: &[0x1000..0x1800, 0x1000..0x1010, 0x1400..0x1410, 0x1800..0x2000],
        marks: &[(0x40, &[0x9D, 0xFF, 0xF3])],
        want: "\
               d0ade8e635856d55add0e323855064e382180794c34729c6c63db25cfec97fa612ad086c01404779cb4ba8b907308dd1\
               8533bcbcf2add3eff0bea7f36da63d1685432325d1f980f8a8f50179ad550179d27908e5add725ad379785add3adb83d\
               79a9eb3851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "cv_4k",
        scheme: Scheme::Cv,
        size: 4096,
        code: 0xF900,
        bases: &[0],
        operations: 180,
        targets: &[0x1000..0x1800, 0x1000..0x1010, 0x1400..0x1410, 0x1800..0x2000],
        marks: &[(0x840, &[0x99, 0x00, 0xF4])],
        want: "\
               50852902c3addd108d50b5000fd02cb593208578686f076f6fd15c85f82c8536388590530d686f949b5299f285a2fac5\
               db5633e7d4fca180dd8403def561d12bc18287edc5a9a6ad6cda0d94859c0d94c094908df541ed85bfecf544a1a91cd1\
               9473d73851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "ua",
        scheme: Scheme::Ua,
        size: 8192,
        code: 0xF800,
        bases: &[0, 4096],
        operations: 240,
        targets: &[
            0x1000..0x1800,
            0x1F00..0x2000,
            0x0220..0x0221,
            0x0240..0x0241,
            0x0208..0x0280,
            0x2220..0x2221,
            0xA240..0xA241,
            0x0620..0x0621,
            0x0640..0x0641,
            0x0A20..0x0A21,
            0x0A40..0x0A41,
            0x0020..0x0041,
        ],
        marks: &[(0x300, &[0x8D, 0x40, 0x02])],
        want: "\
               cfedfa464cd68ecb984221074ded22c130d65ab34f44a18a04c5cdfc75e70aad2d9b609eaa171e54f984513e34977c5e\
               50b68685be77458b6d04b5ee4239c14b9c33524749b3ee6b70ac246bd4fefed617dc389a498e21acd61c0d5cdaad0b77\
               a36c283851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "3f",
        scheme: Scheme::ThreeF,
        size: 16384,
        code: 0xF800,
        bases: &[12288],
        operations: 240,
        targets: &[
            0x1000..0x2000,
            0x1000..0x1040,
            0x0003..0x0040,
            0x003F..0x0040,
            0x4003..0x4040,
            0x0043..0x0080,
            0x0103..0x0140,
        ],
        marks: &[(0x300, &[0x85, 0x3F, 0, 0x85, 0x3F])],
        want: "\
               f92ed1d18d008db2312ed1d08159596630689cbab28dd10940dbced15ae83ad1110993090909aca081d86ea08dcf32c1\
               bde00017a9d2d231caa2c1572757d902778dbd09a117a9a9ab68488da91afed617dc389a498e21acd61c0d5cdaad0b77\
               a36c283851c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "3f_uneven",
        scheme: Scheme::ThreeF,
        size: 9000,
        code: 0xF800,
        bases: &[9000 - 4096],
        operations: 240,
        targets: &[0x1000..0x2000, 0x1000..0x1040, 0x0003..0x0040, 0x003F..0x0040],
        marks: &[(0x300, &[0x85, 0x3F, 0, 0x85, 0x3F])],
        want: "\
               9f85e96ad5923edb94f2e45b233e4e3f078d2d738c29b071da48dab99a816b9400d5ece44a29f80c8a5a224a0c85be5c\
               0c182ebc7ea0addd3835de9b94a3c2bbe4bc240de4ea94d5ab4dba26f80748e9037034a0bcbcbca06994948d29e40c6c\
               0c5cf1220c4a6d85d90b9855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "3e",
        scheme: Scheme::ThreeE,
        size: 8192,
        code: 0xF800,
        bases: &[4096],
        operations: 240,
        targets: &[
            0x1000..0x1800,
            0x1000..0x1010,
            0x1400..0x1410,
            0x1400..0x1410,
            0x1030..0x1040,
            0x1800..0x2000,
            0x0003..0x0040,
            0x003E..0x0040,
            0x603E..0x6040,
            0x007E..0x0080,
        ],
        marks: &[(0x300, &[0x85, 0x3E, 0xA9, 0x00])],
        want: "\
               1677d31c1861df03668e23d2e91ff0690f8d3fc350f150ad1e8d399207631eb62439cd60a5d21039061e3990d9395937\
               0c272fd41e1e00390a24d3392703d7ad81e74c79966399859a0d121e8d8d34114b699c35143f301e028d1eb8c6847e84\
               8d7e39e9b6c5895c5a169855955baf4aaf990d4bec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "dpc",
        scheme: Scheme::Dpc,
        size: 10495,
        code: 0xF800,
        bases: &[0, 4096],
        operations: 240,
        targets: &[
            WINDOW,
            0x1000..0x1008,
            0x1000..0x1040,
            0x1000..0x1040,
            0x1040..0x1080,
            0x1040..0x1080,
            0x1FF0..0x2000,
        ],
        marks: &[],
        want: "\
               dc0070110031c500f3008eef030f000060f80043ba106a0a8ce5dc950000c000009d0f569a0028fe5456fe5800000098\
               10540000ac1f2b0000e52e49bf050000faf3fe00ed2eb4215ac7002e3465053800930062d0e100970053ee0017e3d020\
               007e1054e65085958ad89939005eb9cf1b8d0000ec0aba5ea7bde6f7ab146fc0",
    },
    Session {
        name: "dpc_music",
        scheme: Scheme::Dpc,
        size: 10240,
        code: 0xF800,
        bases: &[0, 4096],
        operations: 250,
        targets: &[
            0x1004..0x1008,
            0x1004..0x1008,
            0x1045..0x1048,
            0x104D..0x1050,
            0x1055..0x1058,
            0x105D..0x1060,
            0x105D..0x1060,
            0x103D..0x1040,
            0x1000..0x1040,
        ],
        marks: &[],
        want: "\
               7d007d0000ab9dab0000ab17007d001700ab009d00177d009dab009d9d6d008d8600004545c800ab7d007d009d00ab9d\
               007d00ab171b006a9d9d008d86ab7d00008d0000ab9d867d6d0000177d008d9d860017c8007d6d9d00ab00006dc8c817\
               00c88d9d9d8d04ff45ab046a57047d04ff049d0057577d0017007d9dab146fc0",
    },
    Session {
        name: "mb",
        scheme: Scheme::Mb,
        size: 65536,
        code: 0xF800,
        bases: &[
            0, 4096, 8192, 12288, 16384, 20480, 24576, 28672, 32768, 36864, 40960, 45056, 49152, 53248, 57344, 61440,
        ],
        operations: 240,
        targets: &[WINDOW, 0x1FE0..0x2000, 0x1FF0..0x1FF1],
        marks: &[],
        want: "MBWANT",
    },
    Session {
        name: "mc",
        scheme: Scheme::Mc,
        size: 131_072,
        code: 0xFC00,
        bases: &[131_072 - 4096],
        operations: 180,
        targets: &[
            0x1000..0x1C00,
            0x1400..0x1410,
            0x1600..0x1610,
            0x1F00..0x2000,
            0x0003..0x003C,
            0x003C..0x003F,
            0x203C..0x203F,
            0x0043..0x0080,
            0x013C..0x013F,
        ],
        marks: &[],
        want: "MCWANT",
    },
];

#[test]
fn every_scheme_answers_random_accesses_as_ale_does() {
    let mut wrong = Vec::new();
    let images = std::env::var_os("MEASURE_INTO").map(std::path::PathBuf::from);
    for session in SESSIONS {
        if let Some(folder) = images.as_ref().map(|folder| folder.join(session.name)) {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("enduro.bin"), session.image()).unwrap();
        }
        let found = session.found();
        if let Some(at) = found.bytes().zip(session.want.bytes()).position(|(a, b)| a != b) {
            wrong.push(format!(
                "{}: byte {} of RIOT RAM\n  want {}\n  got  {found}",
                session.name,
                at / 2,
                session.want
            ));
        }
        assert_eq!(session.want.len(), 2 * RIOT_RAM, "{}", session.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
