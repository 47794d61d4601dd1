;; Update rules and whole-vector arithmetic on float32 vectors, four elements at a time, with the operations of the loops in ../*.ts in their
;; order, so that the bits are the same. Pointers are byte offsets, 16-byte aligned; vectors are padded to a multiple of four elements; $end is
;; the first vector's end. Padding may hold anything, so sums leave it out.
(module
  (import "frostline" "memory" (memory 0))

  (func (export "adam")
    (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $end i32)
    (param $shrink f32) (param $penalty f32) (param $keepMean f32) (param $shareMean f32)
    (param $keepSquare f32) (param $shareSquare f32) (param $rate f32) (param $epsilon f32)
    (local $w v128) (local $d v128) (local $mean v128) (local $square v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (f32x4.mul (v128.load (local.get $p)) (f32x4.splat (local.get $shrink))))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $penalty)) (local.get $w))))
          (local.set $mean
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepMean)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $shareMean)) (local.get $d))))
          (local.set $square
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepSquare)) (v128.load (local.get $v)))
              (f32x4.mul (f32x4.splat (local.get $shareSquare)) (f32x4.mul (local.get $d) (local.get $d)))))
          (v128.store (local.get $m) (local.get $mean))
          (v128.store (local.get $v) (local.get $square))
          (v128.store (local.get $p)
            (f32x4.sub (local.get $w)
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.div (local.get $mean)
                  (f32x4.add (f32x4.sqrt (local.get $square)) (f32x4.splat (local.get $epsilon)))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (br $next)))))

  (func (export "sgd")
    (param $p i32) (param $g i32) (param $end i32) (param $rate f32) (param $decay f32)
    (local $w v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (v128.store (local.get $p)
            (f32x4.sub (local.get $w)
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $decay)) (local.get $w))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (br $next)))))

  ;; With $ahead 1 the update looks one step ahead (Nesterov), with 0 it takes the momentum itself.
  (func (export "momentum")
    (param $p i32) (param $g i32) (param $m i32) (param $end i32)
    (param $rate f32) (param $decay f32) (param $momentum f32) (param $share f32) (param $ahead i32)
    (local $w v128) (local $d v128) (local $running v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $decay)) (local.get $w))))
          (local.set $running
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $momentum)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $share)) (local.get $d))))
          (v128.store (local.get $m) (local.get $running))
          (if (local.get $ahead)
            (then (local.set $running (f32x4.add (local.get $d) (f32x4.mul (f32x4.splat (local.get $momentum)) (local.get $running))))))
          (v128.store (local.get $p) (f32x4.sub (local.get $w) (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $running))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (br $next)))))

  (func (export "rmsprop")
    (param $p i32) (param $g i32) (param $v i32) (param $a i32) (param $b i32) (param $end i32)
    (param $penalty f32) (param $keep f32) (param $share f32) (param $epsilon f32) (param $rate f32) (param $momentum f32)
    (param $centered i32) (param $running i32)
    (local $w v128) (local $d v128) (local $square v128) (local $mean v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $penalty)) (local.get $w))))
          (local.set $square
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keep)) (v128.load (local.get $v)))
              (f32x4.mul (f32x4.splat (local.get $share)) (f32x4.mul (local.get $d) (local.get $d)))))
          (v128.store (local.get $v) (local.get $square))
          (if (local.get $centered)
            (then
              (local.set $mean
                (f32x4.add
                  (f32x4.mul (f32x4.splat (local.get $keep)) (v128.load (local.get $a)))
                  (f32x4.mul (f32x4.splat (local.get $share)) (local.get $d))))
              (v128.store (local.get $a) (local.get $mean))
              (local.set $square
                (f32x4.max
                  (f32x4.sub (local.get $square) (f32x4.mul (local.get $mean) (local.get $mean)))
                  (f32x4.splat (f32.const 0))))
              (local.set $a (i32.add (local.get $a) (i32.const 16)))))
          (local.set $d
            (f32x4.div (local.get $d) (f32x4.add (f32x4.sqrt (local.get $square)) (f32x4.splat (local.get $epsilon)))))
          (if (local.get $running)
            (then
              (local.set $d
                (f32x4.add (f32x4.mul (f32x4.splat (local.get $momentum)) (v128.load (local.get $b))) (local.get $d)))
              (v128.store (local.get $b) (local.get $d))
              (local.set $b (i32.add (local.get $b) (i32.const 16)))))
          (v128.store (local.get $p) (f32x4.sub (local.get $w) (f32x4.mul (f32x4.splat (local.get $rate)) (local.get $d))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (br $next)))))

  (func (export "adagrad")
    (param $p i32) (param $g i32) (param $s i32) (param $end i32) (param $penalty f32) (param $rate f32) (param $epsilon f32)
    (local $w v128) (local $d v128) (local $sum v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $w (v128.load (local.get $p)))
          (local.set $d (f32x4.add (v128.load (local.get $g)) (f32x4.mul (f32x4.splat (local.get $penalty)) (local.get $w))))
          (local.set $sum (f32x4.add (v128.load (local.get $s)) (f32x4.mul (local.get $d) (local.get $d))))
          (v128.store (local.get $s) (local.get $sum))
          (v128.store (local.get $p)
            (f32x4.sub (local.get $w)
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.div (local.get $d)
                  (f32x4.add (f32x4.sqrt (local.get $sum)) (f32x4.splat (local.get $epsilon)))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $s (i32.add (local.get $s) (i32.const 16)))
          (br $next)))))

  ;; The sign of a number that is none is itself, so that it is not lost.
  (func (export "lion")
    (param $p i32) (param $g i32) (param $m i32) (param $end i32)
    (param $shrink f32) (param $rate f32) (param $keepNow f32) (param $shareNow f32) (param $keepMean f32) (param $shareMean f32)
    (local $d v128) (local $mean v128) (local $x v128) (local $zero v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $d (v128.load (local.get $g)))
          (local.set $mean (v128.load (local.get $m)))
          (local.set $x
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepNow)) (local.get $mean))
              (f32x4.mul (f32x4.splat (local.get $shareNow)) (local.get $d))))
          (v128.store (local.get $p)
            (f32x4.sub
              (f32x4.mul (v128.load (local.get $p)) (f32x4.splat (local.get $shrink)))
              (f32x4.mul (f32x4.splat (local.get $rate))
                (v128.bitselect
                  (local.get $x)
                  (f32x4.sub
                    (v128.and (f32x4.gt (local.get $x) (local.get $zero)) (f32x4.splat (f32.const 1)))
                    (v128.and (f32x4.lt (local.get $x) (local.get $zero)) (f32x4.splat (f32.const 1))))
                  (f32x4.ne (local.get $x) (local.get $x))))))
          (v128.store (local.get $m)
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepMean)) (local.get $mean))
              (f32x4.mul (f32x4.splat (local.get $shareMean)) (local.get $d))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (br $next)))))

  ;; LAMB's direction is spelt out where it is used, as all that a loop does: calls are not inlined.
  ;; Moves the running means of LAMB; answers the sum of its direction's squares.
  (func (export "lambMeans")
    (param $p i32) (param $g i32) (param $m i32) (param $v i32) (param $end i32)
    (param $keepMean f32) (param $shareMean f32) (param $keepSquare f32) (param $shareSquare f32)
    (param $meanScale f32) (param $squareScale f32) (param $epsilon f32) (param $decay f32)
    (result f64)
    (local $d v128) (local $wide v128) (local $low v128) (local $high v128)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (local.set $d (v128.load (local.get $g)))
          (v128.store (local.get $m)
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepMean)) (v128.load (local.get $m)))
              (f32x4.mul (f32x4.splat (local.get $shareMean)) (local.get $d))))
          (v128.store (local.get $v)
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keepSquare)) (v128.load (local.get $v)))
              (f32x4.mul (f32x4.splat (local.get $shareSquare)) (f32x4.mul (local.get $d) (local.get $d)))))
          (local.set $d
            (v128.and
              (f32x4.add
                (f32x4.div
                  (f32x4.mul (v128.load (local.get $m)) (f32x4.splat (local.get $meanScale)))
                  (f32x4.add
                    (f32x4.sqrt (f32x4.mul (v128.load (local.get $v)) (f32x4.splat (local.get $squareScale))))
                    (f32x4.splat (local.get $epsilon))))
                (f32x4.mul (f32x4.splat (local.get $decay)) (v128.load (local.get $p))))
              (i32x4.lt_u
                (i32x4.add (i32x4.splat (local.get $p)) (v128.const i32x4 0 4 8 12))
                (i32x4.splat (local.get $end)))))
          (local.set $wide (f64x2.promote_low_f32x4 (local.get $d)))
          (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $wide) (local.get $wide))))
          (local.set $wide
            (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $d) (local.get $d))))
          (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $wide) (local.get $wide))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $g (i32.add (local.get $g) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (br $next))))
    (call $total (local.get $low) (local.get $high)))

  (func (export "lambStep")
    (param $p i32) (param $m i32) (param $v i32) (param $end i32)
    (param $meanScale f32) (param $squareScale f32) (param $epsilon f32) (param $decay f32) (param $rate f32)
    (loop $next
      (if (i32.lt_u (local.get $p) (local.get $end))
        (then
          (v128.store (local.get $p)
            (f32x4.sub (v128.load (local.get $p))
              (f32x4.mul (f32x4.splat (local.get $rate))
                (f32x4.add
                  (f32x4.div
                    (f32x4.mul (v128.load (local.get $m)) (f32x4.splat (local.get $meanScale)))
                    (f32x4.add
                      (f32x4.sqrt (f32x4.mul (v128.load (local.get $v)) (f32x4.splat (local.get $squareScale))))
                      (f32x4.splat (local.get $epsilon))))
                  (f32x4.mul (f32x4.splat (local.get $decay)) (v128.load (local.get $p)))))))
          (local.set $p (i32.add (local.get $p) (i32.const 16)))
          (local.set $m (i32.add (local.get $m) (i32.const 16)))
          (local.set $v (i32.add (local.get $v) (i32.const 16)))
          (br $next)))))

  (func $total (param $low v128) (param $high v128) (result f64)
    (f64.add
      (f64.add (f64x2.extract_lane 0 (local.get $low)) (f64x2.extract_lane 1 (local.get $low)))
      (f64.add (f64x2.extract_lane 0 (local.get $high)) (f64x2.extract_lane 1 (local.get $high)))))

  ;; In float64: every fourth element by itself, then the four sums.
  (func (export "sumOfSquares") (param $x i32) (param $end i32) (result f64)
    (local $d v128) (local $wide v128) (local $low v128) (local $high v128)
    (loop $next
      (if (i32.lt_u (local.get $x) (local.get $end))
        (then
          (local.set $d
            (v128.and (v128.load (local.get $x))
              (i32x4.lt_u
                (i32x4.add (i32x4.splat (local.get $x)) (v128.const i32x4 0 4 8 12))
                (i32x4.splat (local.get $end)))))
          (local.set $wide (f64x2.promote_low_f32x4 (local.get $d)))
          (local.set $low (f64x2.add (local.get $low) (f64x2.mul (local.get $wide) (local.get $wide))))
          (local.set $wide
            (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $d) (local.get $d))))
          (local.set $high (f64x2.add (local.get $high) (f64x2.mul (local.get $wide) (local.get $wide))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br $next))))
    (call $total (local.get $low) (local.get $high)))

  (func (export "scale") (param $x i32) (param $end i32) (param $factor f32)
    (loop $next
      (if (i32.lt_u (local.get $x) (local.get $end))
        (then
          (v128.store (local.get $x) (f32x4.mul (v128.load (local.get $x)) (f32x4.splat (local.get $factor))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br $next)))))

  (func (export "clamp") (param $x i32) (param $end i32) (param $limit f32)
    (loop $next
      (if (i32.lt_u (local.get $x) (local.get $end))
        (then
          (v128.store (local.get $x)
            (f32x4.max
              (f32x4.min (v128.load (local.get $x)) (f32x4.splat (local.get $limit)))
              (f32x4.splat (f32.neg (local.get $limit)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br $next)))))

  (func (export "mix") (param $x i32) (param $y i32) (param $end i32) (param $keep f32) (param $share f32)
    (loop $next
      (if (i32.lt_u (local.get $x) (local.get $end))
        (then
          (v128.store (local.get $x)
            (f32x4.add
              (f32x4.mul (f32x4.splat (local.get $keep)) (v128.load (local.get $x)))
              (f32x4.mul (f32x4.splat (local.get $share)) (v128.load (local.get $y)))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (local.set $y (i32.add (local.get $y) (i32.const 16)))
          (br $next))))))
