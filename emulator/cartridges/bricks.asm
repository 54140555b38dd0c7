; =============================================================================
; BRICKS - a small brick-breaking game for the Atari 2600
; =============================================================================
; The home-made game of atari-dqn: one 4 KiB cartridge, no bank switching, one
; joystick in the left port.  Knock the bricks out of the wall with a ball that
; must be kept in play with the paddle.
;
; License: MIT OR Apache-2.0, at your choice.
;
; Build (Debian package "dasm"):   scripts/assemble-bricks.sh
;                             or   dasm bricks.asm -f3 -obricks.bin
;
; RULES
;   * Five balls.  The ball waits on the paddle; FIRE serves it upwards.  After
;     150 frames without FIRE it is served by itself, so that a game always
;     ends even when nobody touches the joystick.
;   * LEFT and RIGHT move the paddle 3 pixels a frame.
;   * 6 rows of 18 bricks.  A brick is worth, from the bottom row to the top
;     row, 1, 1, 3, 3, 5 and 5 points: 324 points a wall.
;   * The paddle has seven zones.  The further from its middle the ball lands,
;     the flatter it leaves; the middle zone keeps its left/right direction.
;   * The ball gets faster in four steps: after 4, 12 and 24 returns, on the
;     first brick of the middle rows (step 2) and of the top rows (step 3).
;     A new ball starts slowly again (one step up on the second wall).
;   * When the wall is gone a second one appears at the next touch of the
;     paddle (or with the next ball).  When that is gone too, the game ends:
;     648 points is the best possible score.
;   * Game over: the picture stays, the score changes color.  The console's
;     RESET switch starts a new game at any time, and nothing else does.
;
; Everything is decided by the bytes in RAM and by the joystick, and RESET
; rewrites every byte of RAM, so equal inputs after RESET give equal games.
;
; RAM MAP (the RIOT's 128 bytes)
;   Four addresses are fixed by agreement with programs that read the score out
;   of RAM: $B2, $B9, $CC and $CD.  The others were free to choose.
;
;   $80-$A3  WALL     bricks as playfield bytes: 6 groups (PF0 PF1 PF2 of the
;                     left half, PF0 PF1 PF2 of the right half) of 6 rows,
;                     top row first
;   $A4      BALLX    left edge of the ball, pixel 8..148      (ball is 4 wide)
;   $A5      BALLXF   1/256 pixels
;   $A6      BALLY    top line of the ball, 0 = below the ceiling  (4 high);
;                     $F0 = no ball to be seen
;   $A7      BALLYF   1/256 lines
;   $A8      PADX     left edge of the paddle, pixel 8..136       (16 wide)
;   $A9      DIRX     bit 7: 1 = ball goes left
;   $AA      DIRY     bit 7: 1 = ball goes up
;   $AB      SLOPE    0 steep .. 3 flat
;   $AC      LEVEL    ball speed 0..3
;   $AD      JITTER   0..31, a little extra sideways speed (see NewJitter)
;   $AE      HITS     returns with this ball, stops at 255
;   $AF      STATE    0 ball waits on the paddle, 1 in play, 2 game over
;   $B0      SERVET   frames until the ball is served by itself
;   $B1      RNG      shift register behind JITTER
;   $B2      --       always 0 (a reader takes it for the game variation)
;   $B3      BRICKS   bricks left in the wall, 108..0
;   $B4      WALLNO   0 first wall, 1 second wall
;   $B5      FRAME    frame counter
;   $B6      SNDLEN   frames the current sound still lasts
;   $B7      SNDPIT   its pitch
;   $B8      SNDSTEP  added to the pitch every frame
;   $B9      BALLS    balls left, the one in play included; 0 = game over
;   $BA-$BB  TMP      scratch
;   $BC      ROWEND   picture: line at which the current brick row ends
;   $BD-$C0  FONTI    picture: where the four digits stand in the font
;   $CC      SCOREH   score, hundreds (0..9)
;   $CD      SCOREL   score, tens and ones (BCD)
;   $D0-$DE  DIGA..C  picture: playfield bytes of the digits, 3 x 5
;   $F0-$FF  stack    (2 bytes are ever used)
;   the rest is unused and always 0
;
; SCANLINE BUDGET (262 lines in every frame; line 0 is the one in which VSYNC
; is released)
;     0.. 37  vertical blank: input, game, digits, sprite positions (timed by
;             the RIOT; about 31 of the 38 lines are needed at worst)
;    38       last preparations, screen on but black
;    39.. 58  score (left) and balls (right), 5 rows of 4 lines
;    59.. 61  gap
;    62.. 69  ceiling
;    70..232  playing field, 163 lines; field line = scanline - 70
;               0.. 23  space above the wall
;              24.. 71  wall, 6 rows of 7 lines of brick and 1 black line
;              72..147  open space
;             148..153  paddle
;             154..162  space below the paddle
;   233..258  overscan: sound (timed by the RIOT)
;   259..261  VSYNC
;
; WHO DRAWS WHAT
;   playfield  score digits, ceiling, bricks.  The bricks need 36 bits that
;              differ between the two halves, so all three playfield registers
;              are rewritten in the middle of every line.
;   missile 0  the ball
;   player 0   the paddle, double width
;   player 1   both side walls: one double-width sprite that begins at pixel
;              152 and wraps round the screen edge to pixels 0..7.  Being no
;              part of the playfield they stay gray beside colored bricks.
; =============================================================================

            processor 6502

; ---- TIA, write -------------------------------------------------------------
VSYNC       = $00
VBLANK      = $01
WSYNC       = $02
NUSIZ0      = $04
NUSIZ1      = $05
COLUP0      = $06
COLUP1      = $07
COLUPF      = $08
COLUBK      = $09
CTRLPF      = $0A
PF0         = $0D
PF1         = $0E
PF2         = $0F
RESP0       = $10
AUDC0       = $15
AUDF0       = $17
AUDV0       = $19
GRP0        = $1B
GRP1        = $1C
ENAM0       = $1D
HMP0        = $20
HMOVE       = $2A
; ---- TIA, read --------------------------------------------------------------
INPT4       = $3C           ; bit 7 = 0: fire button pressed
; ---- RIOT -------------------------------------------------------------------
SWCHA       = $0280         ; bit 7 = 0: right, bit 6 = 0: left
SWCHB       = $0282         ; bit 0 = 0: RESET held
INTIM       = $0284
TIM64T      = $0296

; ---- RAM --------------------------------------------------------------------
WALL        = $80
BALLX       = $A4
BALLXF      = $A5
BALLY       = $A6
BALLYF      = $A7
PADX        = $A8
DIRX        = $A9
DIRY        = $AA
SLOPE       = $AB
LEVEL       = $AC
JITTER      = $AD
HITS        = $AE
STATE       = $AF
SERVET      = $B0
RNG         = $B1
; $B2 must stay 0
BRICKS      = $B3
WALLNO      = $B4
FRAME       = $B5
SNDLEN      = $B6
SNDPIT      = $B7
SNDSTEP     = $B8
BALLS       = $B9
TMP         = $BA
ROWEND      = $BC
FONTI       = $BD
SCOREH      = $CC
SCOREL      = $CD
DIGA        = $D0
DIGB        = $D5
DIGC        = $DA

; ---- numbers ----------------------------------------------------------------
ROWS        = 6
COLUMNS     = 18
LEFTEDGE    = 8             ; first pixel right of the left wall
RIGHTEDGE   = 152           ; first pixel of the right wall
BALLW       = 4
BALLH       = 4
PADW        = 16
PADSPEED    = 3
WALLTOP     = 24            ; field lines
WALLEND     = WALLTOP + ROWS*8
PADTOP      = 148
PADEND      = PADTOP + 6
FIELDEND    = 163
RESTY       = PADTOP - BALLH        ; ball standing on the paddle
NOBALL      = $F0
AUTOSERVE   = 150           ; frames, 2.5 seconds

STWAIT      = 0
STPLAY      = 1
STOVER      = 2

; colors (NTSC)
COLGREY     = $06           ; side walls and ceiling
COLBALL     = $0E
COLPAD      = $9C
COLSCORE    = $0C
COLBALLS    = $2A

; sounds: numbers in the tables near the end
SFPAD       = 6             ; 0..5 are the brick rows
SFWALL      = 7
SFMISS      = 8
SFSERVE     = 9
SFCLEAR     = 10
SFOVER      = 11

; -----------------------------------------------------------------------------
; A := value of ENAM0 for field line Y: $FF if the ball covers it, else 0.
; 13 cycles.  (Y - BALLY is 0..3, unsigned, exactly on the lines of the ball.
; The comparison leaves the carry clear there, and $FF + carry is then $FF.)
; -----------------------------------------------------------------------------
            MAC BALLLINE
            tya
            sec
            sbc BALLY
            cmp #BALLH
            lda #$FF
            adc #0
            ENDM

            org $F000

; =============================================================================
; Power on
; =============================================================================
Start:      cld
            ldx #$FF
            txs
            inx                     ; X = 0
            txa
Wipe:       sta $00,x               ; TIA registers and all of RAM
            inx
            bne Wipe
            ; PADX is 0 now, which never happens in a game: the frame loop takes
            ; it as the sign to set up a new game.

; =============================================================================
; Frame loop
; =============================================================================
Frame:      lda #2
            sta WSYNC               ; line 259
            sta VSYNC
            sta VBLANK
            sta WSYNC
            sta WSYNC
            ldx #0
            lda #45                 ; 44 * 64 cycles: ends inside line 37
            sta WSYNC               ; line 0
            stx VSYNC
            sta TIM64T

            inc FRAME
            lda PADX
            beq NewGame
            lda SWCHB
            lsr
            bcc NewGame
            jmp Play

; -----------------------------------------------------------------------------
; New game.  All of RAM is rewritten, the stack included, so this must not be
; reached from inside a subroutine.  While RESET is held this happens every
; frame and the game stands still at its first moment.
; -----------------------------------------------------------------------------
NewGame:    lda #0
            ldx #$FF
Clear:      sta $00,x
            dex
            bmi Clear               ; $FF down to $80
            sta AUDV0
            lda #5
            sta BALLS
            lda #$5A
            sta RNG                 ; anything but 0
            lda #(LEFTEDGE + RIGHTEDGE - PADW) / 2
            sta PADX
            jsr BuildWall
            jsr NextBall
            jmp Prepare

; -----------------------------------------------------------------------------
; One frame of the game
; -----------------------------------------------------------------------------
Play:       lda STATE
            cmp #STOVER
            bne MovePad
            jmp Prepare             ; game over: nothing moves any more

MovePad:    lda SWCHA
            bmi NotRight
            lda PADX
            clc
            adc #PADSPEED
            cmp #RIGHTEDGE - PADW
            bcc PadSet
            lda #RIGHTEDGE - PADW
            bne PadSet
NotRight:   asl
            bmi PadDone
            lda PADX
            sec
            sbc #PADSPEED
            cmp #LEFTEDGE
            bcs PadSet
            lda #LEFTEDGE
PadSet:     sta PADX
PadDone:
            lda STATE
            bne MoveBall

; ---- the ball waits on the paddle -------------------------------------------
            jsr BallOnPad
            dec SERVET
            beq Serve
            bit INPT4
            bmi Waiting
Serve:      ldx BALLS
            lda ServeSlope,x
            sta SLOPE
            lda PADX                ; left or right: depends on the place of the
            lsr                     ; paddle (8-pixel strips) and the balls left
            lsr
            lsr
            eor BALLS
            lsr
            ror                     ; bit 0 to bit 7 by way of the carry
            and #$80
            sta DIRX
            lda #$80
            sta DIRY
            lda #STPLAY
            sta STATE
            jsr NewJitter
            ldx #SFSERVE
            jsr Sound
Waiting:    jmp Prepare

; ---- the ball moves ---------------------------------------------------------
MoveBall:   lda LEVEL
            asl
            asl
            ora SLOPE
            tax
            lda SpeedXL,x
            clc
            adc JITTER
            sta TMP
            lda SpeedXH,x
            adc #0
            sta TMP+1
            bit DIRX
            bmi GoLeft
            clc
            lda BALLXF
            adc TMP
            sta BALLXF
            lda BALLX
            adc TMP+1
            cmp #RIGHTEDGE - BALLW + 1
            bcc SetX
            lda #$80                ; right wall: turn round
            sta DIRX
            lda #RIGHTEDGE - BALLW
            bne SideHit
GoLeft:     sec
            lda BALLXF
            sbc TMP
            sta BALLXF
            lda BALLX
            sbc TMP+1
            cmp #LEFTEDGE
            bcs SetX
            lda #0                  ; left wall
            sta DIRX
            lda #LEFTEDGE
SideHit:    sta BALLX
            lda #0
            sta BALLXF
            ldx #SFWALL
            jsr Sound
            jmp MoveY
SetX:       sta BALLX

MoveY:      ldx LEVEL
            bit DIRY
            bmi GoUp
            clc
            lda BALLYF
            adc SpeedYL,x
            sta BALLYF
            lda BALLY
            adc SpeedYH,x
            sta BALLY
            clc
            adc #BALLH - 1          ; the leading edge going down: its last line
            jmp TestBrick
GoUp:       sec
            lda BALLYF
            sbc SpeedYL,x
            sta BALLYF
            lda BALLY
            sbc SpeedYH,x
            bcs SetY
            lda #0                  ; ceiling
            sta DIRY
            sta BALLYF
            ldx #SFWALL
            jsr Sound
            lda #0
SetY:       sta BALLY               ; the leading edge going up: its first line

; ---- bricks: is there one at the middle of the leading edge (A)? -------------
TestBrick:  sec
            sbc #WALLTOP
            cmp #WALLEND - WALLTOP
            bcs NoBrick
            lsr
            lsr
            lsr
            sta TMP                 ; row, 0 = top
            lda BALLX
            sec
            sbc #LEFTEDGE - BALLW/2
            lsr
            lsr
            lsr
            tay                     ; column
            lda ColGroup,y
            clc
            adc TMP
            tax                     ; byte in WALL
            lda WALL,x
            and ColMask,y
            beq NoBrick
            eor WALL,x              ; take the brick out
            sta WALL,x
            lda DIRY                ; and bounce
            eor #$80
            sta DIRY
            ldx TMP
            sed
            clc
            lda SCOREL
            adc RowPoints,x
            sta SCOREL
            lda SCOREH
            adc #0
            sta SCOREH
            cld
            cmp #$10                ; cannot happen with two walls, but the score
            bcc ScoreOk             ; must never run over
            lda #$09
            sta SCOREH
            lda #$99
            sta SCOREL
ScoreOk:    ldy RowLevel,x
            jsr Faster
            jsr Sound               ; X = row: one tone a row
            dec BRICKS
            bne NoBrick
            ldx #SFCLEAR
            jsr Sound
            lda WALLNO
            beq NoBrick             ; the second wall comes with the next touch
            lda #0
            sta BALLS               ; second wall gone: the game is won and over
            beq GameOver
NoBrick:

; ---- paddle -----------------------------------------------------------------
            bit DIRY
            bmi InPlay
            lda BALLY
            cmp #RESTY + 1          ; touching the paddle's lines ...
            bcc InPlay
            cmp #RESTY + 7
            bcs Missed
            lda BALLX
            adc #BALLW - 1          ; carry is clear
            sec
            sbc PADX
            cmp #PADW + BALLW - 1   ; ... and its columns?
            bcs InPlay
            tay                     ; 0..18: where on the paddle
            lda #RESTY
            sta BALLY
            lda #0
            sta BALLYF
            lda #$80
            sta DIRY
            lda ZoneSlope,y
            sta SLOPE
            lda ZoneDir,y
            bmi KeepDir             ; middle: keeps its direction
            lsr                     ; 0 right, 1 left
            ror
            sta DIRX
KeepDir:    ldx HITS
            inx
            beq HitsFull
            stx HITS
HitsFull:   ldy #0
            cpx #4
            bcc HitLevel
            iny
            cpx #12
            bcc HitLevel
            iny
            cpx #24
            bcc HitLevel
            iny
HitLevel:   jsr Faster
            jsr NewJitter
            ldx #SFPAD
            jsr Sound
            jsr SecondWall
            jmp InPlay

; ---- lost? ------------------------------------------------------------------
Missed:     cmp #FIELDEND
            bcc InPlay
            ldx #SFMISS
            dec BALLS
            beq LastBall
            jsr Sound
            jsr SecondWall
            jsr NextBall
            jmp InPlay
LastBall:   ldx #SFOVER
            jsr Sound
GameOver:   lda #STOVER
            sta STATE
            lda #NOBALL
            sta BALLY
InPlay:

; =============================================================================
; Prepare the picture
; =============================================================================
Prepare:
; ---- digits -----------------------------------------------------------------
            lda SCOREH
            and #$0F
            tax
            lda Times5,x
            sta FONTI
            lda SCOREL
            lsr
            lsr
            lsr
            lsr
            tax
            lda Times5,x
            sta FONTI+1
            lda SCOREL
            and #$0F
            tax
            lda Times5,x
            sta FONTI+2
            ldx BALLS
            lda Times5,x
            sta FONTI+3
            ldx #0
Digits:     ldy FONTI               ; hundreds: high half of PF1
            lda Font,y
            and #$F0
            sta DIGA,x
            ldy FONTI+1             ; tens: low half
            lda Font,y
            and #$0F
            ora DIGA,x
            sta DIGA,x
            ldy FONTI+2             ; PF2 runs the other way round
            lda FontR,y
            sta DIGB,x
            ldy FONTI+3
            lda FontR,y
            asl                     ; one step in, to mirror the left margin
            sta DIGC,x
            inc FONTI
            inc FONTI+1
            inc FONTI+2
            inc FONTI+3
            inx
            cpx #5
            bne Digits

; ---- sprite positions -------------------------------------------------------
            lda #148                ; side walls: player 1 at 151, seen from 152
            ldx #1
            jsr Place
            lda PADX                ; paddle: double width shows one pixel late
            sec
            sbc #4
            ldx #0
            jsr Place
            lda BALLX
            sec
            sbc #2
            ldx #2                  ; missile 0
            jsr Place
            sta WSYNC
            sta HMOVE

            lda #$25                ; player 0 double width, missile 0 4 pixels
            sta NUSIZ0
            lda #$05                ; player 1 double width
            sta NUSIZ1
            lda #WALLTOP + 7
            sta ROWEND
            lda #$02                ; playfield halves in the player colors
            sta CTRLPF

            ; Score colors; once the game is over they cycle.
            ldx #COLSCORE
            ldy #COLBALLS
            lda STATE
            cmp #STOVER
            bne Colours
            lda FRAME
            asl
            and #$F0
            ora #$0A
            tax
            tay
Colours:    stx COLUP0
            sty COLUP1

WaitTop:    lda INTIM
            bne WaitTop
            sta WSYNC               ; line 38
            sta VBLANK              ; A = 0: screen on

; =============================================================================
; Score and balls: 5 rows of 4 lines.  Left half: PF1 two digits, PF2 one digit;
; right half: PF1 empty, PF2 the balls.
; =============================================================================
            ldx #0
DigitRow:   ldy #4
DigitLine:  sta WSYNC
            lda DIGA,x
            sta PF1                 ; 7
            lda DIGB,x
            sta PF2                 ; 14
            jsr Return              ; 26  only to let time pass
            jsr Return              ; 38
            lda #0
            sta PF1                 ; 43  from pixel 64: left PF1 is done
            lda DIGC,x
            nop
            sta PF2                 ; 52  from pixel 92: left PF2 is done
            dey
            bne DigitLine
            inx
            cpx #5
            bne DigitRow

; ---- gap --------------------------------------------------------------------
            sta WSYNC               ; line 59
            lda #0
            sta PF2                 ; PF0 and PF1 are empty already
            sta CTRLPF
            lda #COLGREY
            sta COLUPF
            sta COLUP1
            lda #COLBALL
            sta COLUP0
            sta WSYNC
            sta WSYNC               ; line 61
            nop

; ---- ceiling: 8 lines -------------------------------------------------------
            ldy #8
            lda #$FF
Ceiling:    sta WSYNC
            sta PF0
            sta PF1
            sta PF2
            sta GRP1                ; the side walls begin here
            dey
            bne Ceiling             ; Y = 0 = first line of the field
            BALLLINE

; =============================================================================
; Playing field.  At every WSYNC Y is the field line that begins and A what
; ENAM0 needs in it.
; =============================================================================
            ldx #0                  ; brick row
            sta WSYNC
            sta ENAM0
            sty PF0                 ; Y = 0
            sty PF1
            sty PF2
            lda RowColour
            sta COLUPF
            iny
            BALLLINE
Above:      sta WSYNC
            sta ENAM0
            iny
            BALLLINE
            cpy #WALLTOP
            bne Above

; ---- wall: the numbers are the cycle at which each store ends -----------------
WallLine:   sta WSYNC
            sta ENAM0               ; 3
            lda WALL,x
            sta PF0                 ; 10
            lda WALL+6,x
            sta PF1                 ; 17
            lda WALL+12,x
            sta PF2                 ; 24
            lda WALL+18,x
            sta PF0                 ; 31  from pixel 28, left PF0 ends at 16
            iny
            tya                     ; first half of BALLLINE
            sec
            sbc BALLY
            cmp #BALLH
            lda WALL+24,x
            sta PF1                 ; 49  from pixel 84: between 48 and 96
            lda WALL+30,x
            sta PF2                 ; 56  from pixel 104: between 80 and 128
            lda #$FF                ; second half, the carry survived
            adc #0
            cpy ROWEND
            bne WallLine              ; 66

            sta WSYNC               ; the black line under a row
            sta ENAM0
            lda #0
            sta PF0
            sta PF1
            sta PF2
            inx
            lda RowColour,x         ; one more entry than rows
            sta COLUPF
            clc
            lda ROWEND
            adc #8
            sta ROWEND
            iny
            BALLLINE
            cpx #ROWS
            bne WallLine

; ---- open space -------------------------------------------------------------
Below:      sta WSYNC
            sta ENAM0
            iny
            BALLLINE
            cpy #PADTOP
            bne Below

; ---- paddle -----------------------------------------------------------------
            ldx #COLPAD
PadLines:   sta WSYNC
            sta ENAM0
            lda #$FF
            sta GRP0
            stx COLUP0
            iny
            BALLLINE
            cpy #PADEND
            bne PadLines

; ---- below the paddle -------------------------------------------------------
            ldx #COLBALL
Bottom:     sta WSYNC
            sta ENAM0
            lda #0
            sta GRP0
            stx COLUP0
            iny
            BALLLINE
            cpy #FIELDEND
            bne Bottom

; =============================================================================
; Overscan: line 233
; =============================================================================
            sta WSYNC
            lda #2
            sta VBLANK
            lda #0
            sta ENAM0
            sta GRP1
            lda #31                 ; 30 * 64 cycles: ends inside line 258
            sta TIM64T

; ---- sound: volume falls away with the frames left ---------------------------
            lda SNDPIT
            sta AUDF0
            clc
            adc SNDSTEP
            sta SNDPIT
            lda SNDLEN
            beq Volume
            dec SNDLEN
            cmp #10
            bcc Volume
            lda #10
Volume:     sta AUDV0

WaitEnd:    lda INTIM
            bne WaitEnd
            jmp Frame

; =============================================================================
; Subroutines
; =============================================================================

; A full wall.
BuildWall:  lda #ROWS*COLUMNS
            sta BRICKS
            ldx #ROWS-1
FillRow:    lda #$C0
            sta WALL,x
            lda #$F0
            sta WALL+18,x
            lda #$3F
            sta WALL+30,x
            lda #$FF
            sta WALL+6,x
            sta WALL+12,x
            sta WALL+24,x
            dex
            bpl FillRow
            rts

; The second wall, if the first one is gone.
SecondWall: lda BRICKS
            bne NoWall
            inc WALLNO
            jmp BuildWall
NoWall:     rts

; The next ball goes onto the paddle.
NextBall:   lda #STWAIT
            sta STATE
            sta HITS
            lda WALLNO
            sta LEVEL
            lda #AUTOSERVE
            sta SERVET
            ; falls into BallOnPad
BallOnPad:  lda PADX
            clc
            adc #(PADW - BALLW) / 2
            sta BALLX
            lda #RESTY
            sta BALLY
            lda #0
            sta BALLXF
            sta BALLYF
            rts

; Speed is at least Y from now on.  Keeps X.
Faster:     cpy LEVEL
            bcc NoFaster
            sty LEVEL
NoFaster:   rts

; Each return adds a small, always different sideways speed.  Without it the
; ball could fall into a path that closes on itself and bounce for ever on a
; paddle that never moves.
NewJitter:  lda RNG
            lsr
            bcc NoTap
            eor #$B8                ; runs through all 255 values but 0
NoTap:      sta RNG
            and #$1F
            sta JITTER
            rts

; Start sound X.
Sound:      lda SndTone,x
            sta AUDC0
            lda SndPitch,x
            sta SNDPIT
            lda SndFrames,x
            sta SNDLEN
            lda SndSlide,x
            sta SNDSTEP
            rts

; Horizontal position of object X (0, 1 players, 2 missile 0).  The object ends
; up at A+3 (players) or A+2 (missile) after the next HMOVE.  Every iteration of
; the loop takes 5 cycles = 15 pixels; the remainder becomes the fine motion.
; The loop must not cross a page, which would make its taken branch slower.
            align 16
Place:      sta WSYNC
            sec
Fifteen:    sbc #15
            bcs Fifteen
FifteenEnd: eor #7
            asl
            asl
            asl
            asl
            sta HMP0,x
            sta RESP0,x
Return:     rts
            IF [Fifteen >> 8] != [FifteenEnd >> 8]
            ECHO "the loop in Place crosses a page"
            ERR
            ENDIF

; =============================================================================
; Tables
; =============================================================================

; Sideways speed, 1/256 pixel a frame: 4 speed levels x 4 slopes.
SpeedXL:    .byte <64, <144, <224, <310
            .byte <76, <171, <266, <368
            .byte <90, <202, <315, <436
            .byte <108, <243, <378, <523
SpeedXH:    .byte >64, >144, >224, >310
            .byte >76, >171, >266, >368
            .byte >90, >202, >315, >436
            .byte >108, >243, >378, >523
; Up and down, 1/256 line a frame.
SpeedYL:    .byte <256, <304, <360, <432
SpeedYH:    .byte >256, >304, >360, >432

; Where on the paddle the ball landed (its last pixel left of the paddle's first
; = 0 ... its first pixel on the paddle's last = 18).
ZoneSlope:  .byte 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3
ZoneDir:    .byte 1, 1, 1, 1, 1, 1, 1, 1, $80, $80, $80, 0, 0, 0, 0, 0, 0, 0, 0

; By balls left (entry 0 is not used).
ServeSlope: .byte 1, 2, 3, 1, 2, 1

; Bricks: row 0 is the top.
RowPoints:  .byte $05, $05, $03, $03, $01, $01
RowLevel:   .byte 2, 2, 1, 1, 0, 0
RowColour:  .byte $46, $38, $1A, $C8, $AA, $88, $00

; Bricks: column 0 is the left.
ColGroup:   .byte 0
            .byte 6, 6, 6, 6
            .byte 12, 12, 12, 12
            .byte 18, 18
            .byte 24, 24, 24, 24
            .byte 30, 30, 30
ColMask:    .byte $C0
            .byte $C0, $30, $0C, $03
            .byte $03, $0C, $30, $C0
            .byte $30, $C0
            .byte $C0, $30, $0C, $03
            .byte $03, $0C, $30

; Sounds 0-5 bricks from the top row down, then paddle, wall, miss, serve, wall
; cleared, game over.
SndTone:    .byte 4, 4, 4, 4, 4, 4, 12, 4, 3, 12, 4, 12
SndPitch:   .byte 9, 11, 13, 15, 18, 21, 14, 29, 12, 18, 30, 10
SndFrames:  .byte 6, 6, 6, 6, 6, 6, 5, 3, 18, 4, 24, 21
SndSlide:   .byte 0, 0, 0, 0, 0, 0, 0, 0, 1, $FF, $FF, 1

Times5:     .byte 0, 5, 10, 15, 20, 25, 30, 35, 40, 45
; Digits, 3 x 5.  Font holds each row twice, once for either half of PF1.
Font:       .byte $EE, $AA, $AA, $AA, $EE           ; 0
            .byte $44, $CC, $44, $44, $EE           ; 1
            .byte $EE, $22, $EE, $88, $EE           ; 2
            .byte $EE, $22, $66, $22, $EE           ; 3
            .byte $AA, $AA, $EE, $22, $22           ; 4
            .byte $EE, $88, $EE, $22, $EE           ; 5
            .byte $EE, $88, $EE, $AA, $EE           ; 6
            .byte $EE, $22, $22, $22, $22           ; 7
            .byte $EE, $AA, $EE, $AA, $EE           ; 8
            .byte $EE, $AA, $EE, $22, $EE           ; 9
; The same mirrored, for PF2.
FontR:      .byte $07, $05, $05, $05, $07           ; 0
            .byte $02, $03, $02, $02, $07           ; 1
            .byte $07, $04, $07, $01, $07           ; 2
            .byte $07, $04, $06, $04, $07           ; 3
            .byte $05, $05, $07, $04, $04           ; 4
            .byte $07, $01, $07, $04, $07           ; 5
            .byte $07, $01, $07, $05, $07           ; 6
            .byte $07, $04, $04, $04, $04           ; 7
            .byte $07, $05, $07, $05, $07           ; 8
            .byte $07, $05, $07, $04, $07           ; 9

            ECHO "bytes used:", [. - $F000]d

; =============================================================================
; Vectors
; =============================================================================
            org $FFFA
            .word Start             ; NMI, never happens
            .word Start             ; reset
            .word Start             ; BRK
